"""Scenario files: reader with all errors at once, composition of scenarios, the shipped bank."""
