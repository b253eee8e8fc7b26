"""A record in one file: written by whoever has the ledger, read by whoever has the file."""
