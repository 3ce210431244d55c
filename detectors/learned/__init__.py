"""Detectors that learn the normal behaviour of a series, a group of channels or a room."""
