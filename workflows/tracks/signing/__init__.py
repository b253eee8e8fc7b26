"""Signing: full powers issued → found in due form → revoked | expired; signature held → released | void.

A signature names the document's digest, the authority, the digest of the set of satisfied conditions and that of the
understanding. **Release covers a set**: all documents that are not severed, all or nothing, in one act, with every
gate evaluated again at that instant. A released signature is never undone.
"""
