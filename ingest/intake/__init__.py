"""Messages to sealed batches: hot path, slow path, duplicates, validation, floods, spool."""
