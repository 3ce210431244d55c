"""Exceptions of the detectors.

DetectorError
├── RecipeError      unusable rules, battery types or calendar; all faults at once
├── ModelError       a trained model that is missing, cut, altered or cannot be fitted
├── SheetError       a score sheet that cannot be read or was changed
├── ScoreInputError  a file of detections, truth, forecasts or readings that cannot be scored; all faults at once
└── StateError       a snapshot or block that cannot be read; a ValueError as well
"""

from __future__ import annotations

from collections.abc import Sequence

SHOWN_MAX = 50
"""Faults that the message of a ScoreInputError lists; it counts the rest."""


class DetectorError(Exception):
    """Base of all errors of this package."""


class RecipeError(DetectorError):
    """Unusable rules; `faults` holds one line per fault, with the key and the allowed values."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class ModelError(DetectorError):
    """A trained model that cannot be used or fitted. source: its file, "" without one."""

    def __init__(self, source: str, fault: str) -> None:
        super().__init__(f"{source}: {fault}" if source else fault)
        self.source, self.fault = source, fault


class SheetError(DetectorError):
    """A score sheet that is damaged, changed or incomplete."""

    def __init__(self, source: str, fault: str) -> None:
        super().__init__(f"{source}: {fault}")
        self.source, self.fault = source, fault


class ScoreInputError(DetectorError):
    """A file that cannot be scored; `faults` holds one line per fault, with its line number."""

    def __init__(self, source: str, faults: Sequence[str]) -> None:
        shown = [f"{source}: {fault}" for fault in faults[:SHOWN_MAX]]
        if len(faults) > SHOWN_MAX:
            shown.append(f"{source}: and {len(faults) - SHOWN_MAX} more")
        super().__init__("\n".join(shown))
        self.source, self.faults = source, tuple(faults)


class StateError(DetectorError, ValueError):
    """A snapshot or block that is damaged or of another version."""
