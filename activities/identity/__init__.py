"""Who acts: API keys, the API's signature on commands, and delegates' own signatures."""
