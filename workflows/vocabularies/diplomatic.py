"""How ministries call it: a visit of state, an official or a working visit."""

WORDS = {
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
}
