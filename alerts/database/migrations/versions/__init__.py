"""Migrations in order; a file name starts with its revision."""
