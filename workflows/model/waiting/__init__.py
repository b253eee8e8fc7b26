"""What an accord waits for: each step that somebody can take now, whose it is, and by when."""
