"""States that hold while any of their conditions holds: a dark or covered picture, a failed part."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any

_STATES_MAX = 10_000


class Conditions:
    """Active conditions of states; bounded, the oldest state is dropped first.

    The end of one condition does not end the state while another holds.
    """

    def __init__(self) -> None:
        self._held: OrderedDict[str, set[str]] = OrderedDict()

    def restore(self, key: str, kept: list[Any]) -> None:
        """Restore the active conditions of a state."""
        self._held[key] = {word for word in kept if isinstance(word, str)}

    def change(self, key: str, condition: str, *, active: bool) -> set[str]:
        """Begin or end a condition; return the active ones of the state."""
        before = self._held.pop(key, set())
        held = before | {condition} if active else before - {condition}
        if held:
            self._held[key] = held
        if len(self._held) > _STATES_MAX:
            self._held.popitem(last=False)
        return held

    def hold(self, key: str, condition: str, *, active: bool) -> tuple[float, dict[str, bytes | None]]:
        """Return 1.0 while any condition of the state holds, and the memory to keep of it."""
        before = self._held.get(key, set())
        held = self.change(key, condition, active=active)
        kept = json.dumps(sorted(held)).encode() if held else None
        return float(bool(held)), {} if held == before else {key: kept}
