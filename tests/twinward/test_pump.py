"""The pump: each entry once and in order, failures, pauses while other parts load."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinward.pump import EASE_S, ENTRIES_EASY, ENTRIES_PER_TURN, Pump


@dataclass(frozen=True)
class Item:
    """An entry with a position only."""

    seq: int


class Shelf:
    """A source in memory."""

    def __init__(self, count: int) -> None:
        self.items = [Item(seq) for seq in range(1, count + 1)]

    def read(self, after: int, *, limit: int = 64) -> Sequence[Item]:
        """Return the items after `after`."""
        return self.items[after : after + min(limit, 3)]

    def wait(self, after: int, timeout_s: float) -> bool:
        """Return False: no new entry appears."""
        return after < len(self.items) and timeout_s > 0

    def head(self) -> int:
        """Return the last position."""
        return len(self.items)


class Failing:
    """A stage with a list as durable state, which fails before or after writing it in chosen turns."""

    name = "failing"

    def __init__(self, before: set[int], until: int) -> None:
        self.durable: list[int] = []
        self.turns = 0
        self.before = before
        self.until = until
        self.done = threading.Event()

    def recover(self) -> int:
        """Return the durable cursor."""
        return self.durable[-1] if self.durable else 0

    def process(self, entries: Sequence[Item]) -> None:
        """Process entries, or fail without effect."""
        self.turns += 1
        if self.turns in self.before:
            raise OSError("no space left on device")
        self.durable += [entry.seq for entry in entries]

    def idle(self) -> None:
        """Set the event after the last entry."""
        if len(self.durable) >= self.until:
            self.done.set()


@settings(max_examples=8, deadline=None)
@given(count=st.integers(1, 20), before=st.sets(st.integers(1, 4), max_size=2))
def test_every_entry_is_processed_once_in_order(count: int, before: set[int]) -> None:
    """Failures delay entries, and neither lose nor repeat one."""
    stage = Failing(before, count)
    pump: Pump[Item] = Pump(Shelf(count), stage)
    pump.start()
    assert stage.done.wait(10)
    pump.stop()
    assert stage.durable == list(range(1, count + 1))
    assert pump.lag() == 0


def test_a_failing_stage_is_unhealthy_and_recovers() -> None:
    """The failure is counted, and health is False until a turn succeeds."""
    stage = Failing({1}, 1)
    pump: Pump[Item] = Pump(Shelf(1), stage)
    pump.start()
    assert stage.done.wait(10)
    pump.stop()
    assert pump.failures_total == 1
    assert not pump.last_error or "no space" in pump.last_error


class Away(Shelf):
    """A log whose end cannot be read once it is away."""

    away = False

    def end(self) -> int:
        """Return the end, or fail."""
        if self.away:
            raise OSError("the server of the log does not answer")
        return self.head()


def test_a_log_that_does_not_answer_is_unhealthy() -> None:
    """Health is False instead of an error, which would end the process."""
    stage, shelf = Failing(set(), 1), Away(1)
    pump: Pump[Item] = Pump(shelf, stage)
    pump.start()
    assert stage.done.wait(10)
    deadline_s = time.monotonic() + 10
    while not pump.healthy() and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert pump.healthy()
    shelf.away = True
    assert not pump.healthy()
    pump.stop()


class Counting:
    """A stage that records the time and size of each turn."""

    name = "counting"

    def __init__(self) -> None:
        self.taken = 0

    def recover(self) -> int:
        """Return 0."""
        return 0

    def process(self, entries: Sequence[Item]) -> None:
        """Record the turn."""
        self.taken += len(entries)

    def idle(self) -> None:
        """Do nothing."""


class Growing(Shelf):
    """A source that gets its only item later."""

    def __init__(self) -> None:
        super().__init__(0)
        self.grown = threading.Event()

    def wait(self, after: int, timeout_s: float) -> bool:
        """Wait for the item."""
        return self.grown.wait(timeout_s) and after < len(self.items)


class Noting(Counting):
    """A stage that adds its name to a list at its first turn."""

    def __init__(self, name: str, names: list[str]) -> None:
        super().__init__()
        self.name, self._names = name, names

    def process(self, entries: Sequence[Item]) -> None:
        """Record the turn and the name."""
        super().process(entries)
        self._names.append(self.name)


def test_a_new_entry_reaches_the_stage_without_rests_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage with rests pauses before it reads a new entry, so that the path of an alarm has the processor."""
    monkeypatch.setattr("twinward.pump.YIELD_S", 1.0)
    source, names = Growing(), list[str]()
    pumps: list[Pump[Item]] = [
        Pump(source, Noting("resting", names), rest_s=1.0),
        Pump(source, Noting("urgent", names)),
    ]
    for pump in pumps:
        pump.start()
    source.items.append(Item(1))
    source.grown.set()
    deadline_s = time.monotonic() + 10
    while len(names) < 2 and time.monotonic() < deadline_s:
        time.sleep(0.01)
    for pump in pumps:
        pump.stop()
    assert names == ["urgent", "resting"]


class Long(Shelf):
    """A source of full turns."""

    def read(self, after: int, *, limit: int = 64) -> Sequence[Item]:
        """Return `limit` items after `after`."""
        return self.items[after : after + limit]


def test_a_backlog_waits_for_loading_parts_and_new_entries_do_not() -> None:
    """While parts load, full turns are short with pauses; smaller ones, and all later ones, run without."""
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
