"""What must always hold: the rules of the domain, what an onlooker remembers, and a play that checks both."""
