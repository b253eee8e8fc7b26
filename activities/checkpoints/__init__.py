"""Checkpoints of the accords' logs: the keys that sign them, where they are kept, and the guard against rollback."""
