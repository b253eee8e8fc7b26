"""Languages: catalogues, choosing, sentences."""
