"""The web pages: for each person who looks, what is missing, who owes it, by when, and the act that is theirs.

They are made on the server from the same reading and the same acts as the HTTP API, and work without a script.
"""
