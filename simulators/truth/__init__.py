"""Labelled truth of a scenario."""
