"""Detectors of the sensors' own health."""

"""Health of sensors: faults that are no hazard of the place."""
