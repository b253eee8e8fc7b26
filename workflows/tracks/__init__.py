"""The tracks: each with its acts, its events, and their rules."""
