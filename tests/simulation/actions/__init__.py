"""What somebody may ask for in a random play, and the actions with a direction, forwards and backwards."""
