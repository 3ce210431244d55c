"""Running numbers that outlive a restart: what each topic's next one is, and what is missing, stands in the ledger.

A sensor is mostly heard on one topic; that topic's next number is a column. A second topic of the same sensor, and all
that is missing, are marks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ingest.vocabulary import KINDS

from .gaps import Count, Counter, Gap, Gaps
from .ledger import Codes, Ledger

NEXT, TOPIC = "next_seq", "seq_topic"
"""Columns: the next running number, 0 while there is none; whose it is, as the kind in the topic (from 1)."""

_GAP, _OTHER = "gap ", "next "
_NOBODY = Count()


class SequenceNumbers:
    """The counters of every topic whose sensor has a code, as the ledger keeps them. One thread owns it."""

    def __init__(self, gaps: Gaps, ledger: Ledger, code_of: Callable[[bytes], int]) -> None:
        """code_of: the sensor of a topic, -1 where there is none."""
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

    def follow(self, topic: bytes, code: int, kind: str, counter: Counter) -> None:
        """From now on this counter is the topic's; it goes on where the last one was, in this process or before."""
        place = 1 + KINDS.index(kind)
        owner = self._ledger.of(TOPIC, code)
        if not owner:
            self._ledger.note(TOPIC, code, place)
        if owner in {0, place}:
            self._reach(code)
            before, self._first[code] = self._first[code], counter
            known = self._ledger.of(NEXT, code) or None if before is _NOBODY else before.next_seq
        else:
            others = self._others.setdefault(code, {})
            known, others[topic] = others.get(topic, _NOBODY).next_seq, counter
        if counter.next_seq is None:
            counter.next_seq = known

    def accept(
        self, topic: bytes, code: int, kind: str, *, counter: Counter | None, seq: Sequence[int], now_ns: int
    ) -> None:
        """Numbers of one topic in the order in which they came; counter: the topic's own, if it has one."""
        if counter is None:
            counter = self._gaps.count(topic)
            if code >= 0:
                self.follow(topic, code, kind, counter)
        self._gaps.accept(counter, topic, tuple(seq), now_ns)
        if code >= 0:
            self._touched.add(code)

    def due(self, now_ns: int) -> list[tuple[int, Gap]]:
        """The gaps that are sure by now, each with its sensor."""
        found = [(self._code_of(gap.topic), gap) for gap in self._gaps.due(now_ns)]
        return [(code, gap) for code, gap in found if code >= 0]

    def book(self, codes: Codes) -> None:
        """Enter what the batch changed; codes: the sensors that it has readings of, ascending, each once."""
        if self._touched:
            touched = np.array(list(self._touched), np.int32)
            self._touched = set()
            if not np.isin(touched, codes).all():
                codes = np.union1d(codes, touched)
        if len(codes):
            self._book_next(codes)
        for topic in self._gaps.drain_altered():
            code = self._code_of(topic)
            if code >= 0:
                self._ledger.mark(_GAP + topic.decode(), code, self._gaps.dump(topic))

    def _book_next(self, codes: Codes) -> None:
        told = codes.tolist()
        self._reach(told[-1])
        first = self._first
        number = np.array([first[code].next_seq or 0 for code in told], np.int64)
        steps = np.where(number > 0, number - self._ledger.column(NEXT, codes), 0)
        if steps.any():
            self._ledger.add(NEXT, codes, steps)
        for code in self._others.keys() & set(told) if self._others else ():
            for topic, counter in self._others[code].items():
                if counter.next_seq is not None:
                    self._ledger.mark(_OTHER + topic.decode(), code, b"%d" % counter.next_seq)

    def _reach(self, code: int) -> None:
        self._first += [_NOBODY] * (code + 1 - len(self._first))
