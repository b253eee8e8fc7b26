"""Playing scenarios: who does what and when, what is refused and why, compared with what actually happens."""
