"""Ids of sent notices, so that a notice sent from memory is not sent again after it is stored."""

from __future__ import annotations

import threading

from cachetools import FIFOCache

from alerts.model import Notice, Receipt

from .channels.contract import Channel

KNOWN_MAX = 100_000


class SentIds:
    """Set of sent ids. Beyond `known_max` ids the oldest are forgotten; their notices may be sent twice.

    Methods may be called from several threads. Two threads never send the same notice at the same time.
    """

    def __init__(self, *, known_max: int = KNOWN_MAX) -> None:
        self._known: FIFOCache[str, None] = FIFOCache(known_max)
        self._in_flight: set[str] = set()
        self._lock = threading.Lock()
        self.repeats_total = 0

    def __contains__(self, notice_id: str) -> bool:
        with self._lock:
            return notice_id in self._known

    def deliver_once(self, channel: Channel, notice: Notice) -> Receipt:
        """Deliver the notice unless it was sent before; return the receipt."""
        with self._lock:
            if notice.id in self._known:
                self.repeats_total += 1
                return Receipt(delivered=True)
            if notice.id in self._in_flight:
                return Receipt(delivered=False, error="being sent by another worker")
            self._in_flight.add(notice.id)
        receipt = Receipt(delivered=False)
        try:
            receipt = channel.deliver(notice)
        finally:
            self._settle(notice.id, delivered=receipt.delivered)
        return receipt

    def _settle(self, notice_id: str, *, delivered: bool) -> None:
        with self._lock:
            self._in_flight.discard(notice_id)
            if delivered:
                self._known[notice_id] = None
