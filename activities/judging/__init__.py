"""The one judge: who stands behind a command, what follows from it, and what is appended for it."""
