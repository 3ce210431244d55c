"""Shift handover: sheet of the events of a shift, and the signatures of two persons."""
