"""Time limit over a whole delivery; a delivery that hangs is abandoned, and the next has a new thread."""

from __future__ import annotations

import threading

from cachetools import FIFOCache

from alerts.model import Notice, Receipt

from .channels.contract import Channel, Limited, Slow

LIMIT_S = 15.0
"""Longer than the limits of a webhook (5 s) and of a step of an e-mail (4 s); a receiver may answer a byte a second."""
HUNG_MAX = 32
LATE_MAX = 1_000
"""Notices whose abandoned delivery succeeded; beyond that the oldest may be sent twice."""


class Bounded:
    """A channel whose deliveries end within their limit, whatever the receiver does. One worker uses it.

    An abandoned delivery may still succeed: its notice is then not sent again. At most `hung_max` deliveries hang;
    beyond that every attempt fails immediately, until one of them ends.
    """

    def __init__(self, channel: Channel, *, limit_s: float = LIMIT_S, hung_max: int = HUNG_MAX) -> None:
        """limit_s: limit of one delivery, from name resolution to the response; a slow channel has its own."""
        self.name, self.for_programs = channel.name, channel.for_programs
        self.limited = channel if isinstance(channel, Limited) else None
        self.limit_s = channel.limit_s if isinstance(channel, Slow) else limit_s
        self.keeps_state = bool(getattr(channel, "keeps_state", False))
        self._channel, self._hung_max = channel, hung_max
        self._hung: list[_Delivery] = []
        self._late: FIFOCache[str, None] = FIFOCache(LATE_MAX)

    def deliver(self, notice: Notice) -> Receipt:
        """Attempt the delivery once, within the limit. Raises the channel's exception, a programming error."""
        for ended in [one for one in self._hung if not one.runs()]:
            self._hung.remove(ended)
            if ended.delivered:
                self._late[ended.notice_id] = None
        if notice.id in self._late:
            return Receipt(delivered=True)
        if len(self._hung) >= self._hung_max:
            return Receipt(delivered=False, error=f"{len(self._hung)} deliveries hang; allowed are {self._hung_max}")
        delivery = _Delivery(self._channel, notice)
        if delivery.wait(self.limit_s):
            return delivery.result()
        self._hung.append(delivery)
        return Receipt(delivered=False, error=f"the delivery took longer than {self.limit_s:g} s")


class _Delivery:
    """One delivery in a thread of its own."""

    def __init__(self, channel: Channel, notice: Notice) -> None:
        self.notice_id = notice.id
        self._outcome: Receipt | Exception | None = None
        self._thread = threading.Thread(
            target=self._run, args=(channel, notice), name=f"deliver-{channel.name}", daemon=True
        )
        self._thread.start()

    @property
    def delivered(self) -> bool:
        """Return whether the delivery has ended with a receipt."""
        return isinstance(self._outcome, Receipt) and self._outcome.delivered

    def runs(self) -> bool:
        """Return whether the delivery has not ended."""
        return self._thread.is_alive()

    def wait(self, limit_s: float) -> bool:
        """Return whether the delivery ended within the limit."""
        self._thread.join(limit_s)
        return not self._thread.is_alive()

    def result(self) -> Receipt:
        """Return the receipt of an ended delivery, or raise its exception."""
        if isinstance(self._outcome, Receipt):
            return self._outcome
        raise self._outcome or RuntimeError("the delivery ended without a result")

    def _run(self, channel: Channel, notice: Notice) -> None:
        try:
            self._outcome = channel.deliver(notice)
        except Exception as error:  # noqa: BLE001 - raised again in the worker
            self._outcome = error
