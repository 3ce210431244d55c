"""Tests of sensors by persons: windows of time, and the response of the signal in each."""
