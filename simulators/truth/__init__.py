"""Scenarios with their labelled truth; plots and the gallery."""
