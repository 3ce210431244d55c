"""Reprocessing of quarantined messages: each once, with its rejection removed from the accounts."""

from __future__ import annotations

from ingest.devices.accounting import NO_DEVICE, Accounts, Source, Waiting

from .duplicates import Duplicates, Window, own_key, topic_seed

AGAIN_MAX = 100_000
"""Bound on remembered reprocessed messages: the same one may be quarantined more than once."""

_TIMED = frozenset(("time_past", "time_future"))


class Replays:
    """Messages reprocessed since the last seal, and their changes to the accounts."""

    def __init__(self, accounts: Accounts, duplicates: Duplicates) -> None:
        self._accounts, self._duplicates = accounts, duplicates
        self._ids: dict[int, None] = {}
        self._seen = Window(AGAIN_MAX)

    def begin(self, message: Waiting) -> bool:
        """Remove the rejection from the accounts. Return False when the message needs no decoding, as a duplicate."""
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
        ):  # it has its own time: the broker may redeliver it
            self._duplicates.own.add(key)
            self._duplicates.fresh.append(key)
        return True

    def drain(self) -> tuple[int, ...]:
        """Return the ids since the last call."""
        ids, self._ids = tuple(self._ids), {}
        return ids
