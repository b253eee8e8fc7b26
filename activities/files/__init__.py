"""The content of what the record names by digest: texts, evidence, instruments; and what differs between two texts."""
