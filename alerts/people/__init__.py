"""Accounts, sessions and the access table."""
