"""Versions of the workers in Temporal: which there are, which one is current, and what still rests on an older one."""
