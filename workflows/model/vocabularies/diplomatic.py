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
    "conditions": "conditions",
    "document": "document",
    "documents": "documents",
    "understanding": "understanding",
    "host": "host",
    "guest": "guest",
    "arrival": "arrival",
    "advance": "advance work",
    "powers": "full powers",
}
