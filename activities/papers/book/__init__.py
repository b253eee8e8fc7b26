"""The closing book's files: which contents the record names, what of them is here, and how they are shown on pages."""
