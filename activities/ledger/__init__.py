"""The append-only, tamper-evident record of every accord."""
