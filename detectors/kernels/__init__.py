"""Compiled kernels: sequential loops over rows, with state arrays indexed by series and timeline."""

from .emission import NONE, TIMELINES

__all__ = ["NONE", "TIMELINES"]
