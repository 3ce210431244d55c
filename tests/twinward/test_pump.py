"""The pump takes every entry once, in order, whatever the stage does in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from twinward.pump import EASE_S, ENTRIES_EASY, ENTRIES_PER_TURN, Pump


@dataclass(frozen=True)
class Item:
    """An entry that is nothing but its position."""

    seq: int


class Shelf:
    """A source in memory."""

    def __init__(self, count: int) -> None:
        self.items = [Item(seq) for seq in range(1, count + 1)]

    def read(self, after: int, *, limit: int = 64) -> Sequence[Item]:
        """The items behind `after`."""
        return self.items[after : after + min(limit, 3)]

    def wait(self, after: int, timeout_s: float) -> bool:
        """Nothing new ever comes."""
        return after < len(self.items) and timeout_s > 0

    def head(self) -> int:
        """The last position."""
        return len(self.items)


class Failing:
    """A stage whose durable state is a list, and that fails before or after it at chosen turns."""

    name = "failing"

    def __init__(self, before: set[int], until: int) -> None:
        self.durable: list[int] = []
        self.turns = 0
        self.before = before
        self.until = until
        self.done = threading.Event()

    def recover(self) -> int:
        """The durable cursor."""
        return self.durable[-1] if self.durable else 0

    def process(self, entries: Sequence[Item]) -> None:
        """Take entries in, or fail with nothing taken."""
        self.turns += 1
        if self.turns in self.before:
            raise OSError("no space left on device")
        self.durable += [entry.seq for entry in entries]

    def idle(self) -> None:
        """Tell the test when all is done."""
        if len(self.durable) >= self.until:
            self.done.set()


@settings(max_examples=8, deadline=None)
@given(count=st.integers(1, 20), before=st.sets(st.integers(1, 4), max_size=2))
def test_every_entry_is_processed_once_in_order(count: int, before: set[int]) -> None:
    """Failures delay; they neither lose nor double."""
    stage = Failing(before, count)
    pump: Pump[Item] = Pump(Shelf(count), stage)
    pump.start()
    assert stage.done.wait(10)
    pump.stop()
    assert stage.durable == list(range(1, count + 1))
    assert pump.lag() == 0


def test_a_failing_stage_is_seen_and_recovers() -> None:
    """The failure is counted and health says so until a turn succeeds."""
    stage = Failing({1}, 1)
    pump: Pump[Item] = Pump(Shelf(1), stage)
    pump.start()
    assert stage.done.wait(10)
    pump.stop()
    assert pump.failures_total == 1
    assert not pump.last_error or "no space" in pump.last_error


class Counting:
    """A stage that remembers when it was given what."""

    name = "counting"

    def __init__(self) -> None:
        self.taken = 0

    def recover(self) -> int:
        """From the beginning."""
        return 0

    def process(self, entries: Sequence[Item]) -> None:
        """Count them."""
        self.taken += len(entries)

    def idle(self) -> None:
        """Nothing to do."""


class Long(Shelf):
    """A source that gives full turns."""

    def read(self, after: int, *, limit: int = 64) -> Sequence[Item]:
        """The items behind `after`, as many as asked for."""
        return self.items[after : after + limit]


def test_what_is_far_behind_waits_for_other_parts_and_what_is_new_does_not() -> None:
    """While others load: short turns with rests between; what is less, and everything afterwards, at once."""
    hurry, far, near = threading.Event(), Counting(), Counting()
    pumps: list[Pump[Item]] = [Pump(Long(50 * ENTRIES_PER_TURN), far), Pump(Long(ENTRIES_EASY - 1), near)]
    for pump in pumps:
        pump.start(hurry=hurry)
    time.sleep(1.5 * EASE_S)
    assert near.taken == ENTRIES_EASY - 1
    assert ENTRIES_EASY <= far.taken <= 4 * ENTRIES_EASY
    hurry.set()
    deadline_s = time.monotonic() + 10
    while pumps[0].lag() and time.monotonic() < deadline_s:
        time.sleep(0.01)
    for pump in pumps:
        pump.stop()
    assert far.taken == 50 * ENTRIES_PER_TURN
