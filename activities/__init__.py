"""What touches the world: the ledger, evidence, notifications, and the runtime that worker and API share."""
