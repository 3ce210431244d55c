"""Persons on duty: posts, shifts by the school calendar, exceptions and escalation chains of a site."""
