"""The offline verifier: whether an exported record is whole, unaltered, agreed by the witnesses, and obeyed the rules.

It needs the standard library, pydantic and ``cryptography``, the pure parts of :mod:`activities.ledger`, and the
pure model in :mod:`workflows`; no network, no database, no server. An import rule sees to that.
"""
