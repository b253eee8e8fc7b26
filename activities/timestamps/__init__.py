"""Time from outside: RFC 3161 tokens, by which an authority says that a checkpoint existed at its time."""
