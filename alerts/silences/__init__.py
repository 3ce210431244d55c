"""Silences and maintenance windows: mutes of pages and sound, with owner, end and patrol."""
