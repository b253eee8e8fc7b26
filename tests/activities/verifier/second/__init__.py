"""A second verifier of bundles, written from ``FORMAT.md`` alone. It imports nothing of ours.

It needs the standard library and ``cryptography``. It answers every question but the fold, which needs the model.
"""
