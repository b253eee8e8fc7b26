"""What documents tell of the model, read from its registries and its source."""
