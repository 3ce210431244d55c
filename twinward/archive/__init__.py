"""Backup of a data folder into one encrypted file, and its restoration."""
