"""How law firms and banks call it: the closing of a loan, a merger, an acquisition or a joint venture."""

WORDS = {
    "accord": "transaction",
    "invitation": "Offer",
    "verification": "Conditions precedent",
    "drafting": "Documentation",
    "visit": "Closing meeting",
    "signing": "Signature pages in escrow",
    "concluded": "Closed",
    "terminated": "Terminated",
    "condition": "condition precedent",
    "conditions": "conditions precedent",
    "document": "transaction document",
    "documents": "transaction documents",
    "understanding": "closing memorandum",
    "host": "offeror",
    "guest": "offeree",
    "arrival": "opening of the meeting",
    "advance": "preparation",
    "powers": "powers of attorney",
}
