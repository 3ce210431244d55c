"""Durable sequence numbers: the next number of each topic and its gaps, stored in the ledger.

A sensor usually has one topic, whose next number is a ledger column. A second topic of the same sensor, and all missing
numbers, are marks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ingest.vocabulary import KINDS

from .gaps import Count, Counter, Gap, Gaps
from .ledger import Codes, Ledger

NEXT, TOPIC = "next_seq", "seq_topic"
"""Columns: the next sequence number, 0 while there is none; its topic, as the kind in the topic (from 1)."""

_GAP, _OTHER = "gap ", "next "
_NO_COUNT = Count()


class SequenceNumbers:
    """Counters of every topic whose sensor has a code, stored in the ledger. One thread owns it."""

    def __init__(self, gaps: Gaps, ledger: Ledger, code_of: Callable[[bytes], int]) -> None:
        """code_of: returns the sensor of a topic, -1 for none."""
        self._gaps, self._ledger, self._code_of = gaps, ledger, code_of
        self._first: list[Counter] = []
        self._others: dict[int, dict[bytes, Counter]] = {}
        self._touched: set[int] = set()
        for name, value in ledger.marks().items():
            if name.startswith(_GAP):
                gaps.recall(name.removeprefix(_GAP).encode(), value)
            elif name.startswith(_OTHER):
                topic = name.removeprefix(_OTHER).encode()
                self._others.setdefault(code_of(topic), {})[topic] = Count(int(value))

    def attach(self, topic: bytes, code: int, kind: str, counter: Counter) -> None:
        """Attach the counter of a topic; it continues at the last number, in this process or before a restart."""
        place = 1 + KINDS.index(kind)
        owner = self._ledger.of(TOPIC, code)
        if not owner:
            self._ledger.note(TOPIC, code, place)
        if owner in {0, place}:
            self._reach(code)
            before, self._first[code] = self._first[code], counter
            known = self._ledger.of(NEXT, code) or None if before is _NO_COUNT else before.next_seq
        else:
            others = self._others.setdefault(code, {})
            known, others[topic] = others.get(topic, _NO_COUNT).next_seq, counter
        if counter.next_seq is None:
            counter.next_seq = known

    def accept(
        self, topic: bytes, code: int, kind: str, *, counter: Counter | None, seq: Sequence[int], now_ns: int
    ) -> None:
        """Accept numbers of one topic in order of arrival; counter: the topic's own, or None."""
        if counter is None:
            counter = self._gaps.count(topic)
            if code >= 0:
                self.attach(topic, code, kind, counter)
        self._gaps.accept(counter, topic, tuple(seq), now_ns)
        if code >= 0:
            self._touched.add(code)

    def due(self, now_ns: int) -> list[tuple[int, Gap]]:
        """Return the gaps beyond their grace period, each with its sensor."""
        found = [(self._code_of(gap.topic), gap) for gap in self._gaps.due(now_ns)]
        return [(code, gap) for code, gap in found if code >= 0]

    def record(self, codes: Codes) -> None:
        """Record the changes of a batch in the ledger; codes: sensors with readings in it, ascending, each once."""
        if self._touched:
            touched = np.array(list(self._touched), np.int32)
            self._touched = set()
            if not np.isin(touched, codes).all():
                codes = np.union1d(codes, touched)
        if len(codes):
            self._record_next(codes)
        for topic in self._gaps.drain_altered():
            code = self._code_of(topic)
            if code >= 0:
                self._ledger.mark(_GAP + topic.decode(), code, self._gaps.dump(topic))

    def _record_next(self, codes: Codes) -> None:
        listed = codes.tolist()
        self._reach(listed[-1])
        first = self._first
        number = np.array([first[code].next_seq or 0 for code in listed], np.int64)
        steps = np.where(number > 0, number - self._ledger.column(NEXT, codes), 0)
        if steps.any():
            self._ledger.add(NEXT, codes, steps)
        for code in self._others.keys() & set(listed) if self._others else ():
            for topic, counter in self._others[code].items():
                if counter.next_seq is not None:
                    self._ledger.mark(_OTHER + topic.decode(), code, b"%d" % counter.next_seq)

    def _reach(self, code: int) -> None:
        self._first += [_NO_COUNT] * (code + 1 - len(self._first))
