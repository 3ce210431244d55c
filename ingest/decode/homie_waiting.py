"""Retained Homie values that came before their description, by device."""

from __future__ import annotations

WAITING_MAX = 10_000


class Waiting:
    """Values by device and topic, at most WAITING_MAX. A description reads those of its device alone."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, bytes]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def keep(self, device: str, topic: str, payload: bytes) -> bool:
        """Keep a value; return False at the limit."""
        known = topic in self._values.get(device, ())
        if not known and self._count >= WAITING_MAX:
            return False
        self._count += not known
        self._values.setdefault(device, {})[topic] = payload
        return True

    def of(self, device: str, topic: str = "") -> list[tuple[str, bytes]]:
        """Return the values of a device, or its value of one topic."""
        values = self._values.get(device, {})
        if topic:
            return [(topic, values[topic])] if topic in values else []
        return list(values.items())

    def drop(self, device: str, topic: str) -> None:
        """Remove a value that is read."""
        values = self._values[device]
        del values[topic]
        self._count -= 1
        if not values:
            del self._values[device]
