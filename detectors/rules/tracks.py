"""Tracked objects of a camera, so that the end of one does not end the alarm of another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .measures import SECOND_NS

TRACKS_MAX = 64
"""Objects of one state; beyond that the one confirmed longest ago is forgotten."""


class Tracks:
    """Objects present by state, each with its last confirmation. One that was not confirmed for `hold_s` has left."""

    def __init__(self, hold_s: float) -> None:
        """hold_s: time without a confirmation until an object has left; 0: never."""
        self._hold_ns = int(hold_s * SECOND_NS)
        self._present: dict[int, dict[str, int]] = {}

    def confirm(self, state: int, track: str, time_ns: int) -> None:
        """Record an object; one without an id is ignored."""
        if not track:
            return
        present = self._present.setdefault(state, {})
        present.pop(track, None)
        present[track] = time_ns
        if len(present) > TRACKS_MAX:
            del present[next(iter(present))]

    def end(self, state: int, track: str, time_ns: int) -> bool:
        """Return whether another object is still present. An end without an id, such as a count of 0, ends all."""
        present = self._present.pop(state, {})
        if not track:
            return False
        present.pop(track, None)
        if self._hold_ns:
            present = {other: seen_ns for other, seen_ns in present.items() if time_ns - seen_ns < self._hold_ns}
        if present:
            self._present[state] = present
        return bool(present)

    def dump(self) -> list[list[Any]]:
        """Return the state for a snapshot."""
        return [[state, *item] for state, present in sorted(self._present.items()) for item in present.items()]

    def load(self, rows: Iterable[tuple[int, str, int]]) -> None:
        """Restore the state of a snapshot."""
        self._present = {}
        for state, track, time_ns in rows:
            self._present.setdefault(state, {})[track] = time_ns
