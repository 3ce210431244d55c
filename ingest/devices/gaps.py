"""Sequence gaps: missing sequence numbers of devices, reported after a grace period.

Messages may arrive out of order, so a missing number has a grace period. A device that continues at a low number has
restarted and misses nothing. A late message inside a reported gap is no restart. `ingest.devices.sequence` keeps this
state across a restart of the service.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgspec
from cachetools import FIFOCache

GRACE_NS = 20_000_000_000
"""Grace period of a missing number, in arrival time."""

TOPICS_MAX = 100_000
RANGES_MAX = 64
JUMP_MAX = 1_000_000
"""A larger step is another count, not a gap."""

SEQ_MAX = 1 << 62
"""Largest sequence number. Numbers outside 0 to SEQ_MAX are ignored."""

_RESTART_RUN = 3


class Counter(Protocol):
    """Owner of a topic's next number; None before the first."""

    next_seq: int | None


@dataclass(slots=True)
class Count:
    """Counter of a topic without another owner."""

    next_seq: int | None = None


class Gap(NamedTuple):
    """Missing messages of a topic; since_ns: arrival of the first message behind the gap."""

    topic: bytes
    messages: int
    since_ns: int


class _Missing(msgspec.Struct, rename={"reported": "told"}):  # the name in stored data
    """Missing numbers of one topic.

    waited: open ranges (first, last, since); reported: ranges reported missing; behind, run: last number and length of
    a run below the counter.
    """

    waited: list[tuple[int, int, int]] = msgspec.field(default_factory=list)
    reported: list[tuple[int, int]] = msgspec.field(default_factory=list)
    behind: int = 0
    run: int = 0

    @property
    def idle(self) -> bool:
        """Whether no number is missing and no run is open."""
        return not (self.waited or self.reported or self.run)


_MISSING = msgspec.msgpack.Decoder(_Missing)


class Gaps:
    """Sequence numbers of every topic. One thread owns it.

    The hot path compares a number with the counter's `next_seq` itself, and calls `accept_other` when they differ. At
    most TOPICS_MAX topics have missing numbers, and at most as many have a counter here.

    >>> gaps, count = Gaps(), Count()
    >>> for seq in (1, 2, 5, 4):
    ...     gaps.accept(count, b"t", (seq,), 0)
    >>> gaps.due(GRACE_NS)
    [Gap(topic=b't', messages=1, since_ns=0)]
    """

    def __init__(self) -> None:
        self._missing: OrderedDict[bytes, _Missing] = OrderedDict()
        self._waiting: dict[bytes, None] = {}
        self._counts: FIFOCache[bytes, Count] = FIFOCache(TOPICS_MAX)
        self._altered: dict[bytes, None] = {}

    def count(self, topic: bytes) -> Count:
        """Return the counter of a topic without another owner."""
        found = self._counts.get(topic)
        if found is None:
            found = self._counts[topic] = Count()
        return found

    def accept(self, counter: Counter, topic: bytes, numbers: Sequence[int], now_ns: int) -> None:
        """Accept numbers of one topic in order of arrival."""
        first = numbers[0] if numbers else 0
        if counter.next_seq == first and list(numbers) == list(range(first, first + len(numbers))):
            counter.next_seq = first + len(numbers)
            return
        for seq in numbers:
            if seq == counter.next_seq:
                counter.next_seq = seq + 1
            else:
                self.accept_other(counter, topic, seq, now_ns)

    def accept_other(self, counter: Counter, topic: bytes, seq: int, now_ns: int) -> None:
        """Accept a number that is not the next one."""
        if not 0 <= seq <= SEQ_MAX:
            return
        expected = counter.next_seq
        if expected is None or seq - expected > JUMP_MAX:
            self._restart(counter, topic, seq)
        elif seq >= expected:
            missing = self._of(topic)
            missing.waited.append((expected, seq - 1, now_ns))
            missing.run = 0
            self._waiting[topic] = None
            counter.next_seq = seq + 1
            del missing.waited[:-RANGES_MAX]
        else:
            self._behind(counter, topic, seq)
        if topic in self._missing:
            self._altered[topic] = None

    def due(self, now_ns: int) -> list[Gap]:
        """Return the gaps beyond their grace period, each once. A clock that steps back ends every grace period."""
        found = []
        for topic in list(self._waiting):
            missing = self._missing[topic]
            ripe = [lost for lost in missing.waited if not 0 <= now_ns - lost[2] < GRACE_NS]
            missing.waited = [lost for lost in missing.waited if lost not in ripe]
            if not missing.waited:
                del self._waiting[topic]
            if not ripe:
                continue
            missing.reported = [*missing.reported, *((first, last) for first, last, _ in ripe)][-RANGES_MAX:]
            self._altered[topic] = None
            number = sum(last - first + 1 for first, last, _ in ripe)
            found.append(Gap(topic, number, min(since for _, _, since in ripe)))
        return found

    def drain_altered(self) -> list[bytes]:
        """Return the topics whose missing numbers changed since the last call."""
        altered, self._altered = list(self._altered), {}
        return altered

    def dump(self, topic: bytes) -> bytes | None:
        """Return the missing numbers of a topic for storage; None without any."""
        missing = self._missing.get(topic)
        return None if missing is None or missing.idle else msgspec.msgpack.encode(missing)

    def recall(self, topic: bytes, kept: bytes) -> None:
        """Restore the stored missing numbers of a topic."""
        missing = self._missing[topic] = _MISSING.decode(kept)
        if missing.waited:
            self._waiting[topic] = None

    def _behind(self, counter: Counter, topic: bytes, seq: int) -> None:
        """Handle a number below the counter: it fills a gap, is late for one, or follows a restart of the device."""
        missing = self._of(topic)
        for place, (first, last, since) in enumerate(missing.waited):
            if first <= seq <= last:
                parts = [(first, seq - 1, since), (seq + 1, last, since)]
                missing.waited[place : place + 1] = [part for part in parts if part[0] <= part[1]]
                return
        if any(first <= seq <= last for first, last in missing.reported):
            return
        missing.run = missing.run + 1 if missing.run and seq == missing.behind + 1 else 1
        missing.behind = seq
        if missing.run >= _RESTART_RUN or seq in (0, 1):
            self._restart(counter, topic, seq)

    def _restart(self, counter: Counter, topic: bytes, seq: int) -> None:
        """Continue the count here; open ranges stay missing."""
        counter.next_seq = seq + 1
        missing = self._missing.get(topic)
        if missing is not None:
            missing.run, missing.reported = 0, []

    def _of(self, topic: bytes) -> _Missing:
        found = self._missing.get(topic)
        if found is None:
            found = self._missing[topic] = _Missing()
            if len(self._missing) > TOPICS_MAX:
                oldest, _ = self._missing.popitem(last=False)
                self._waiting.pop(oldest, None)
                self._altered[oldest] = None
        return found
