"""What worker and API share: settings, connections, logs, keys."""
