"""Vocabularies, one module each: a module's name is the vocabulary's, its ``WORDS`` are how it calls each term.

To add one, copy a module, name it by a lower-case word and change the words. Every term has to be there, and no other.
"""
