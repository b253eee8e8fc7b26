"""Definition files: strict JSON and YAML, and errors that name line and field."""
