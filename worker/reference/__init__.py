"""The pages of the documentation that the program writes."""
