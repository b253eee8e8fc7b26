"""The client commands: an Entente spoken to over its HTTP API, as anybody else speaks to it."""
