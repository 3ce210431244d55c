"""Sensor bindings, findings, and one hazard per place and cause."""
