"""First-arrival times for messages received by two sessions: one message has one arrival time.

While the log rejects writes, its session stops reading and the broker queues the messages. A second session
(`TransientSession`) receives them meanwhile. The first session receives the same messages again, later. Each message
keeps its first arrival time, so a reading without an event time does not move and a live reading does not become late.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ingest.frame import Frame

from .urgent import all_comfort, is_urgent, may_be_urgent

MESSAGES_MAX = 500_000
SPARED = 5
"""One part in SPARED of the capacity is reserved for life-safety topics."""
FORGET_S = 60.0
"""Time without a match after which the backlog counts as finished; unmatched entries are dropped."""
STRANGERS = 50
"""Unmatched messages in a row that mark the end of the backlog."""


class Run(NamedTuple):
    """Consecutive messages with one first arrival time. known: the second session received them."""

    frames: Sequence[Frame]
    arrival_ns: int
    known: bool


_Times = dict[int, "int | deque[int]"]
"""Key of a message -> first arrival time; a deque of times only for equal messages, to save memory."""


class FirstArrivals:
    """Matches messages of the log's session (`accept`) and of the second one (`receive`). Thread-safe.

    Equal messages match in order, first with first. On the log's side only messages of QoS 1 match: the broker may drop
    others, and a later message must not get the time of a dropped one. At most `messages_max` messages wait for their
    match (about 0.1 kB each); further ones are counted and not stored.
    """

    def __init__(self, *, messages_max: int = MESSAGES_MAX, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._max, self._monotonic = messages_max, monotonic
        self._lock = threading.Lock()
        self._received: _Times = {}
        self._taken: _Times = {}
        self._waiting = 0
        self._both = self._active = self._incomplete = self._alone = False
        self._strangers = 0
        self._matched_s = 0.0
        self.forgotten_total = 0

    def __len__(self) -> int:
        return self._waiting

    def begin(self, *, urgent_alone: bool = False) -> None:
        """Mark the start of the second session. urgent_alone: it receives only topics that may be urgent."""
        with self._lock:
            self._drop_taken()
            self._both = self._active = True
            self._alone = urgent_alone
            self._matched_s = self._monotonic()

    def end(self) -> None:
        """Mark the end of the second session; its arrival times stay for the backlog of the first."""
        with self._lock:
            self._drop_taken()
            self._both, self._strangers, self._matched_s = False, 0, self._monotonic()
            self._active = bool(self._received)

    def accept(self, frames: Sequence[Frame], now_ns: int) -> list[Run]:
        """Return the messages of the log's session, in order, in runs of one arrival time."""
        if not self._active:
            return [Run(frames, now_ns, known=False)]
        if self._alone and all_comfort([frame[2] for frame in frames]):
            with self._lock:
                self._expire()
            return [Run(frames, now_ns, known=False)]
        runs: list[tuple[list[Frame], int, bool]] = []
        with self._lock:
            for frame in frames:
                first_ns = None if self._alone and not may_be_urgent(frame[2]) else self._first_arrival(frame, now_ns)
                at_ns, known = (now_ns, False) if first_ns is None else (first_ns, True)
                if runs and runs[-1][1:] == (at_ns, known):
                    runs[-1][0].append(frame)
                else:
                    runs.append(([frame], at_ns, known))
            self._expire()
        return [Run(run, at_ns, known) for run, at_ns, known in runs]

    def receive(self, frames: Sequence[Frame], now_ns: int) -> list[Frame]:
        """Return those messages of the second session that the log's session has not yet received."""
        fresh: list[Frame] = []
        with self._lock:
            for frame in frames:
                key = hash(frame[2:])
                if self._match(self._taken, key) is None:
                    self._remember(self._received, key, frame, now_ns)
                    fresh.append(frame)
        return fresh

    def _first_arrival(self, frame: Frame, now_ns: int) -> int | None:
        """Return the second session's arrival time of a message of the log's session; None without one."""
        key = hash(frame[2:])
        first_ns = self._match(self._received, key) if frame[1] else None
        self._strangers = 0 if first_ns is not None else self._strangers + bool(frame[1])
        if first_ns is None and self._both:
            self._remember(self._taken, key, frame, now_ns)
        return first_ns

    def _match(self, side: _Times, key: int) -> int | None:
        times = side.get(key)
        if times is None:
            return None
        at_ns = times if isinstance(times, int) else times.popleft()
        if isinstance(times, int) or not times:
            del side[key]
        self._waiting -= 1
        self._matched_s = self._monotonic()
        return at_ns

    def _remember(self, side: _Times, key: int, frame: Frame, now_ns: int) -> None:
        room = self._max - self._waiting
        if room <= 0 or (room <= self._max // SPARED and not is_urgent(frame[2])):
            self.forgotten_total += 1
            self._incomplete = True
            return
        known = side.get(key)
        if known is None:
            side[key] = now_ns
        elif isinstance(known, int):
            side[key] = deque((known, now_ns))
        else:
            known.append(now_ns)
        self._waiting += 1

    def _expire(self) -> None:
        """Drop unmatched entries after the backlog: the broker delivers in order, so later messages are new."""
        if self._both:
            return
        over = self._strangers >= STRANGERS and not self._incomplete
        if over or not self._received or self._monotonic() - self._matched_s > FORGET_S:
            self._received, self._waiting, self._active, self._incomplete = {}, 0, False, False
            self._alone = False

    def _drop_taken(self) -> None:
        self._waiting -= sum(1 if isinstance(times, int) else len(times) for times in self._taken.values())
        self._taken = {}
