"""Refused messages that are taken in again: each once, and its refusal leaves the accounts."""

from __future__ import annotations

from ingest.devices.accounting import NO_DEVICE, Accounts, Source, Waiting

from .duplicates import Duplicates, Window, own_key, topic_seed

AGAIN_MAX = 100_000
"""Messages taken in again that are remembered: the same one may have been refused more than once."""

_TIMED = frozenset(("time_past", "time_future"))


class Replays:
    """Which messages were taken in again since the last seal, and what that does to the accounts."""

    def __init__(self, accounts: Accounts, duplicates: Duplicates) -> None:
        self._accounts, self._duplicates = accounts, duplicates
        self._ids: dict[int, None] = {}
        self._seen = Window(AGAIN_MAX)

    def begin(self, message: Waiting) -> bool:
        """Take the refusal back; False when nothing more is to be done, because the message was taken already."""
        if message.id in self._ids:
            return False
        self._ids[message.id] = None
        source = Source(message.site, message.format)
        for charge in message.counts:
            self._accounts.add(source, "received", rows=-charge.rows, device=charge.device)
            self._accounts.add(source, "quarantined", rows=-charge.rows, reason=charge.reason, device=charge.device)
        self._accounts.add(source, "notice", reason="replayed")
        key = own_key(message.payload, topic_seed(message.topic.encode()))
        if key in self._seen:
            device = message.counts[0].device if message.counts else NO_DEVICE
            self._accounts.add(source, "received", device=device)
            self._accounts.add(source, "duplicate", device=device)
            return False
        self._seen.add(key)
        self._seen.turn()
        if all(
            charge.reason in _TIMED for charge in message.counts
        ):  # it carries its own time: the broker may repeat it
            self._duplicates.own.add(key)
            self._duplicates.fresh.append(key)
        return True

    def drain(self) -> tuple[int, ...]:
        """Ids since the last call."""
        ids, self._ids = tuple(self._ids), {}
        return ids
