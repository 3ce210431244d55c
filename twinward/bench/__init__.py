"""Measurements of the service, each with a reference from the same run."""
