"""The domain, pure, and the Temporal workflow over it."""
