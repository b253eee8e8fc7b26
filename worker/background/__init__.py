"""Beside the worker: checkpoints on their way to finality, and accords that are taken up again."""
