"""Vocabularies: the words that people see. They change nothing else.

A third one is another entry in ``VOCABULARIES``; a term that it does not give is shown as in ``diplomatic``.
"""

from __future__ import annotations

from collections.abc import Mapping

VOCABULARIES: Mapping[str, Mapping[str, str]] = {
    "diplomatic": {
        "accord": "accord",
        "invitation": "Invitation",
        "verification": "Verification of conditions",
        "drafting": "Drafting of documents",
        "visit": "Visit",
        "signing": "Signing",
        "concluded": "Concluded",
        "terminated": "Terminated",
        "condition": "condition",
        "document": "document",
        "understanding": "understanding",
        "host": "host",
        "guest": "guest",
    },
    "closing": {
        "accord": "transaction",
        "invitation": "Offer",
        "verification": "Conditions precedent",
        "drafting": "Documentation",
        "visit": "Closing meeting",
        "signing": "Signature pages in escrow",
        "concluded": "Closed",
        "terminated": "Terminated",
        "condition": "condition precedent",
        "document": "transaction document",
        "understanding": "closing memorandum",
        "host": "offeror",
        "guest": "offeree",
    },
}


def word(vocabulary: str, term: str) -> str:
    """How ``vocabulary`` calls a term of the domain."""
    return VOCABULARIES.get(vocabulary, {}).get(term) or VOCABULARIES["diplomatic"].get(term, term)
