"""Compiled sequential loops over rows. State is passed as arrays, with one index per series and timeline."""

from .emission import NONE, TIMELINES

__all__ = ["NONE", "TIMELINES"]
