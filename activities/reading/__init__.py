"""Reading accords from the ledger."""
