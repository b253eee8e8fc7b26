"""What others are told of the record as it grows: streams, webhooks, messages."""
