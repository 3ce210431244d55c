"""Escalation of a page through the steps of its chain until a person acknowledges."""
