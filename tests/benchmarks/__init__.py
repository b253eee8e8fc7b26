"""Measurements that are run by hand; they assert nothing."""

UNLIMITED = {"rate_key": "none", "rate_delegate": "none", "rate_accord": "none", "rate_opening": "none"}
"""Settings without the API's rate limits: what is measured is how much there can be, not how much may be."""
