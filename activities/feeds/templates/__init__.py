"""The texts of messages that people are sent."""
