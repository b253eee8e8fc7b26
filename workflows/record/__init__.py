"""Acts about the record itself: keys, witness policy, erasure, attestation, operation, statements."""
