"""Alembic environment and migrations of the alert database."""
