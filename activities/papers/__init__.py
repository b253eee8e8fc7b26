"""Papers: what the parties take away, made from the record; the same record gives the same bytes."""
