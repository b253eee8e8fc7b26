"""The embedded stack: Postgres, the Temporal dev server, worker and API as supervised child processes."""
