"""Unread keys of each device: parts of its messages that hold a value and gave no reading.

The ledger has their number and, as a mark, the first KEYS_MAX different keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from .ledger import Ledger

UNREAD = "unread"
"""Ledger column and notice of unread keys."""

KEYS_MAX = 16
KEY_CHARACTERS = 64
_MARK = "unread "
_KEYS = msgspec.json.Decoder(list[str])


@dataclass(frozen=True, slots=True)
class Unread:
    """Unread keys of one device. count: since the first message; keys: the first KEYS_MAX different ones."""

    count: int = 0
    keys: tuple[str, ...] = ()


class UnreadKeys:
    """Collects the unread keys of devices in the ledger. Owned by the intake, in its thread."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._keys: dict[int, list[str]] = _marked(ledger)

    def add(self, code: int, keys: Sequence[str]) -> None:
        """Add unread keys of the device with that catalogue code; the accounts count them."""
        known = self._keys.setdefault(code, [])
        fresh = [key for key in dict.fromkeys(key[:KEY_CHARACTERS] for key in keys) if key not in known]
        if fresh and len(known) < KEYS_MAX:
            known += fresh[: KEYS_MAX - len(known)]
            self._ledger.mark(f"{_MARK}{code}", code, msgspec.json.encode(known))


def unread_of(ledger: Ledger) -> Mapping[int, Unread]:
    """Return the unread keys by catalogue code, of the devices that have any."""
    keys = _marked(ledger)
    return {code: Unread(ledger.of(UNREAD, code), tuple(keys.get(code, ()))) for code in ledger.where(UNREAD)}


def _marked(ledger: Ledger) -> dict[int, list[str]]:
    return {
        int(name.removeprefix(_MARK)): _KEYS.decode(value)
        for name, value in ledger.marks().items()
        if name.startswith(_MARK)
    }
