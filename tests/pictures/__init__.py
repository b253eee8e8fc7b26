"""The pictures of README and documentation, made by a command from a running stack: ``make pictures``."""
