"""Definition files: how hostile ones are read."""
