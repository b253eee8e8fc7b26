"""The ``entente`` command."""
