"""Whether a history that Temporal has, or had, tells what the ledger tells."""
