"""Signatures in papers by PAdES (ETSI EN 319 142-1): an update behind the paper's own bytes, which stay as they are."""
