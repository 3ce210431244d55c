"""What can go wrong here.

DetectorError
├── RecipeError     rules that cannot be used; all faults at once
└── StateError      a snapshot or block that cannot be read; a ValueError as well
"""

from __future__ import annotations

from collections.abc import Sequence


class DetectorError(Exception):
    """Anything that a detector package raises on purpose."""


class RecipeError(DetectorError):
    """Rules that cannot be used; `faults` holds one line for each fault, with the key and what is allowed."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class StateError(DetectorError, ValueError):
    """A snapshot or block of another version, of another rule set, or damaged."""
