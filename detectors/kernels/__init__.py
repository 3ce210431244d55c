"""Sequential loops over rows, compiled: state goes in and out as arrays, one cell for each series and lane."""

from .emission import LANES, NONE

__all__ = ["LANES", "NONE"]
