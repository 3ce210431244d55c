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
"""One part in so many of the room is left to topics of life safety."""
FORGET_S = 60.0
"""After so long without a match nothing of the backlog is left: what was heard and never came again is forgotten."""
STRANGERS = 50
"""So many messages in a row that were not heard are new ones: the backlog is over."""


class Run(NamedTuple):
    """Messages in a row that were first heard at one moment. known: by the second session."""

    frames: Sequence[Frame]
    arrival_ns: int
    known: bool


_Times = dict[int, "int | deque[int]"]
"""Key of a message -> when it was heard; a line of moments only for equal messages, because a line takes much room."""


class FirstArrivals:
    """Two sides of the same messages: `accept` is the log's session, `hear` the second one. Safe from both threads.

    Equal messages are matched in order, the first of one side with the first of the other; on the log's side only those
    of QoS 1, because the broker may drop the others, and a later one must not get the time of one that was dropped.
    Bounded: at most `messages_max` wait for their match (a tenth of a kilobyte each); one more is not remembered, and
    counted.
    """

    def __init__(self, *, messages_max: int = MESSAGES_MAX, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._max, self._monotonic = messages_max, monotonic
        self._lock = threading.Lock()
        self._heard: _Times = {}
        self._taken: _Times = {}
        self._waiting = 0
        self._both = self._active = self._incomplete = self._alone = False
        self._strangers = 0
        self._matched_s = 0.0
        self.forgotten_total = 0

    def __len__(self) -> int:
        return self._waiting

    def begin(self, *, urgent_alone: bool = False) -> None:
        """From here on both sessions get what is published; the second one not more than what may be urgent, if so."""
        with self._lock:
            self._drop_taken()
            self._both = self._active = True
            self._alone = urgent_alone
            self._matched_s = self._monotonic()

    def end(self) -> None:
        """The second session has gone; what it heard is kept for the backlog of the first."""
        with self._lock:
            self._drop_taken()
            self._both, self._strangers, self._matched_s = False, 0, self._monotonic()
            self._active = bool(self._heard)

    def accept(self, frames: Sequence[Frame], now_ns: int) -> list[Run]:
        """The messages that the log's session has received, in order, in runs of one arrival."""
        if not self._active:
            return [Run(frames, now_ns, known=False)]
        if self._alone and all_comfort([frame[2] for frame in frames]):
            with self._lock:
                self._expire()
            return [Run(frames, now_ns, known=False)]
        runs: list[tuple[list[Frame], int, bool]] = []
        with self._lock:
            for frame in frames:
                heard_ns = None if self._alone and not may_be_urgent(frame[2]) else self._first_heard(frame, now_ns)
                at_ns, known = (now_ns, False) if heard_ns is None else (heard_ns, True)
                if runs and runs[-1][1:] == (at_ns, known):
                    runs[-1][0].append(frame)
                else:
                    runs.append(([frame], at_ns, known))
            self._expire()
        return [Run(run, at_ns, known) for run, at_ns, known in runs]

    def hear(self, frames: Sequence[Frame], now_ns: int) -> list[Frame]:
        """Those of the second session's messages that the log's session has not taken before."""
        fresh: list[Frame] = []
        with self._lock:
            for frame in frames:
                key = hash(frame[2:])
                if self._match(self._taken, key) is None:
                    self._remember(self._heard, key, frame, now_ns)
                    fresh.append(frame)
        return fresh

    def _first_heard(self, frame: Frame, now_ns: int) -> int | None:
        """When the second session heard a message that the log's session takes now; None where it has not yet."""
        key = hash(frame[2:])
        heard_ns = self._match(self._heard, key) if frame[1] else None
        self._strangers = 0 if heard_ns is not None else self._strangers + bool(frame[1])
        if heard_ns is None and self._both:
            self._remember(self._taken, key, frame, now_ns)
        return heard_ns

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
        """Forget the rest once the backlog is over: the broker sends in order, and what comes now is new."""
        if self._both:
            return
        over = self._strangers >= STRANGERS and not self._incomplete
        if over or not self._heard or self._monotonic() - self._matched_s > FORGET_S:
            self._heard, self._waiting, self._active, self._incomplete = {}, 0, False, False
            self._alone = False

    def _drop_taken(self) -> None:
        self._waiting -= sum(1 if isinstance(times, int) else len(times) for times in self._taken.values())
        self._taken = {}
