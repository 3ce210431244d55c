"""Database schema, event journal, cursor positions and write order."""
