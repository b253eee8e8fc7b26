"""HTTP: authenticates, signs commands, and reads; thin."""
