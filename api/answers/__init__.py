"""The shapes of the API's answers: all that a client can rely on; its own client reads them by these."""
