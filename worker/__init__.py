"""The process that runs workflows and activities, the entente command and the embedded stack."""
