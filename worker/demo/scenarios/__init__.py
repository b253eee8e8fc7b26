"""The scenarios that ship with Entente: definitions, texts, and plays of them. Illustrative data, all of it."""
