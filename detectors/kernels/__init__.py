"""Sequential loops over rows, compiled: state goes in and out as arrays, one cell for each series and lane."""

from .emission import NONE, TIMELINES

__all__ = ["NONE", "TIMELINES"]
