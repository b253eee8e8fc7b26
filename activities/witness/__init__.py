"""Witnesses: cosigning checkpoints, asking for cosignatures, following a log's keys."""
