"""Proof of a repair: readings, tests and faults of the danger's own sensors."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from alerts import GuardFailed
from alerts.dangers.kinds import danger_kinds
from alerts.dangers.proof import QUARTERS, Window
from alerts.database.engine import TURN_WAIT_S
from alerts.sensor_tests.response import Response
from detectors import Phase
from ingest import StoreError

HOUR_NS = 3_600_000_000_000


@dataclass
class Readings:
    """Readings as a test sets them."""

    found: Window | None = field(default_factory=lambda: Window(QUARTERS, 0.0, 0.02))
    test: bool = True

    def window(self, site: str, sensor: str, metric: str, *, from_ns: int, to_ns: int) -> Window | None:
        """Return the window of the test."""
        assert (site, sensor, metric) == ("school-1", "smoke-101", "smoke_density")
        assert to_ns - from_ns == 24 * HOUR_NS
        return self.found

    def tested(self, site: str, sensor: str, *, from_ns: int, to_ns: int) -> bool:
        """Return whether the test has set a test message."""
        assert (site, sensor) == ("school-1", "smoke-101")
        assert from_ns < to_ns
        return self.test

    def response(self, site: str, sensor: str, *, from_ns: int, to_ns: int) -> Response | None:
        """Return no response."""
        assert (site, sensor) == ("school-1", "smoke-101")
        assert from_ns < to_ns


@pytest.fixture
def observed(world: Any, seen: Any) -> Any:
    """Return a world whose fire was rectified and observed."""
    world.employ("fixer")
    world.feed(seen(Phase.RAISE), seen(Phase.CLEAR, at_s=60))
    ticket = world.act(world.tickets[0], "assign", "officer", fixer="fixer")
    for action in ("take", "start", "submit"):
        ticket = world.act(ticket, action, "fixer")
    world.act(ticket, "accept", "officer2")
    world.now_ns += 73 * HOUR_NS
    world.dispatch.readings = Readings()
    return world


@pytest.mark.parametrize(("readings", "closed"), [
    (Readings(), True),
    (Readings(Window(QUARTERS, 0.0, 0.05)), False),
    (Readings(Window(QUARTERS - 1, 0.0, 0.01)), False),
    (Readings(None), True),
    (Readings(test=False), False),
], ids=["proved", "smoke", "gap", "no such metric", "no test"])  # fmt: skip
def test_the_sensors_close_the_ticket_or_leave_it_open(observed: Any, readings: Readings, *, closed: bool) -> None:
    """Each reading below the limit for a day, in each quarter of it, and a seen test."""
    observed.dispatch.readings = readings
    observed.dispatch.tick(observed.now_ns)
    assert (observed.tickets[0].state == "closed") == closed
    if not closed:
        with pytest.raises(GuardFailed, match="not proved") as caught:
            observed.act(observed.tickets[0], "close", "officer", reason="repaired")
        assert caught.value.zh


@dataclass
class Unreadable(Readings):
    """A store that cannot be read. It counts the attempts; during each one another writer writes."""

    write: Any = None
    reads: int = 0

    def window(self, *_: Any, **__: Any) -> Window | None:
        """Write into the alert database, then fail."""
        self.reads += 1
        self.write()
        raise StoreError("the store does not answer", retry=True)


def test_a_store_that_does_not_answer_stops_no_timer_and_no_step(observed: Any) -> None:
    """The ticket stays open; no proof holds up the writers of alarms; other steps do not read the store."""

    def write() -> None:
        with observed.engine.execution_options(lock_wait_ms=100).begin():
            pass

    begun_s = time.monotonic()
    readings = observed.dispatch.readings = Unreadable(write=write)
    observed.dispatch.tick(observed.now_ns)
    assert observed.tickets[0].state == "observing"
    assert readings.reads
    assert time.monotonic() - begun_s < TURN_WAIT_S
    reads = readings.reads
    observed.act(observed.tickets[0], "reopen", "officer", note="smoke again")
    assert readings.reads == reads


def test_a_drill_is_a_seen_test(observed: Any, seen: Any) -> None:
    """A test message opens a drill, which the findings keep."""
    observed.dispatch.readings = Readings(test=False)
    observed.feed(seen(Phase.RAISE, drill=True, at_s=120))
    observed.dispatch.tick(observed.now_ns)
    assert observed.tickets[0].state == "closed"


def test_a_false_closure_reopens_within_its_window(observed: Any, seen: Any) -> None:
    """The same file, with a relapse; the override that closed it stays in the history."""
    observed.dispatch.readings = Readings(test=False)
    ticket = observed.act(
        observed.tickets[0], "close", "officer", reason="repaired", override=True, note="seen on site"
    )
    assert ticket.overridden
    observed.feed(seen(Phase.RAISE, at_s=100 * 3_600))
    (again,) = observed.tickets
    assert (again.id, again.state, again.relapses, again.overridden) == (ticket.id, "graded", 1, False)
    closing = next(event for event in observed.dispatch.queries.history(ticket.id) if event.kind == "ticket.close")
    assert closing.facts["fields"]["override"]


def test_each_kind_has_a_sentence_in_both_languages() -> None:
    """People read the conditions before they rectify."""
    for kind in danger_kinds().values():
        assert kind.proof
        assert all(kind.text.values())
    fire = danger_kinds()["fire"].text
    assert "smoke stays below 0.05 dB/m for 24 h; a test of the detector has arrived" in fire["en"]
    assert "24小时" in fire["zh"]


def test_a_proof_holds_no_write_transaction(observed: Any) -> None:
    """An alarm is written while the store is slow; a ticket that changed meanwhile is not closed."""

    class Slow(Readings):
        def tested(self, *_: Any, **__: Any) -> bool:
            observed.act(observed.tickets[0], "reopen", "officer", note="smoke again")
            return True

    observed.dispatch.readings = Slow()
    observed.dispatch.tick(observed.now_ns)
    assert observed.tickets[0].state == "graded"
