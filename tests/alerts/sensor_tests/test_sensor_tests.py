"""Sensor tests: responses of signals, windows by the clock of a phone, proof of a repair, permissions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alerts import Forbidden, GuardFailed, Invalid, NotFound
from alerts.dangers.readings import StoredReadings
from alerts.people.access import Actor
from alerts.sensor_tests.response import Response, Signal, response_in
from alerts.sensor_tests.sensor_tests import LATE_NS, OPEN, SEEN, UNSEEN, NewTest
from detectors import Phase
from ingest import Quality, from_columns
from ingest.stores import MemoryStore

SECOND_NS = 1_000_000_000
FIXER = Actor("fixer", frozenset(("fixer",)))
FIXER2 = Actor("fixer2", frozenset(("fixer",)))


def signal(metric: str, unit: str, before: list[float], inside: list[float], quality: int = 0) -> Signal:
    """Return a signal of one reading a second."""
    times = np.arange(len(inside), dtype=np.int64) * SECOND_NS
    qualities = np.full(len(inside), quality, np.uint8)
    return Signal(metric, unit, np.array(before), times, np.array(inside), qualities)


@pytest.mark.parametrize(("given", "expected"), [
    (signal("level_high", "bool", [0, 0], [0, 1, 1]), Response("level_high", 1, 0, SECOND_NS)),
    (signal("level_high", "bool", [], [1]), Response("level_high", 1, 0, 0)),
    (signal("level_high", "bool", [1], [1, 0]), Response("level_high", 0, 1, SECOND_NS)),
    (signal("smoke_density", "dB/m", [0.01, 0.02], [0.03, 0.09]), Response("smoke_density", 0.09, 0.015, SECOND_NS)),
    (signal("smoke_density", "dB/m", [0.01, 0.02], [0.03, 0.04]), None),
    (signal("smoke_density", "dB/m", [], [0.5]), None),
    (signal("noise", "dB", [20], [90]), None),
    (signal("noise", "dB", [20], [21], int(Quality.TEST)), Response("noise", 21, None, 0)),
    (signal("level_high", "bool", [0], [1], int(Quality.RETAINED)), None),
    (signal("level_high", "bool", [0], [1], int(Quality.HISTORICAL)), None),
], ids=["switch on", "first message", "switch off", "step", "small step", "nothing before", "no step", "test message",
        "retained", "historical"])  # fmt: skip
def test_a_response_is_a_test_message_a_switch_or_a_step(given: Signal, expected: Response | None) -> None:
    """Noise, repeated states and retained messages are no response."""
    assert response_in(given) == expected


class Bench:
    """A world with a store, in which the test writes readings."""

    def __init__(self, world: Any) -> None:
        self.world, self.store = world, MemoryStore()
        world.dispatch.readings = StoredReadings(self.store, world.catalog)
        self._cursor = 0

    def write(self, value: float, at_ns: int, *, metric: str = "smoke_density", quality: int = 0) -> None:
        """Store one reading of smoke-101."""
        catalog = self.world.catalog
        self._cursor += 1
        columns: dict[str, np.ndarray[Any, Any]] = {
            "sensor": np.array([catalog.code("school-1", "smoke-101", "smoke")], np.int32),
            "metric": np.array([catalog.metric(metric).code], np.int16),
            "time_ns": np.array([at_ns], np.int64),
            "arrival_ns": np.array([at_ns], np.int64),
            "value": np.array([value]),
            "quality": np.array([quality], np.uint8),
        }
        self.store.write(from_columns(columns), cursor=self._cursor)


@pytest.fixture
def bench(world: Any, seen: Any) -> Bench:
    """Return a world with a fire whose rectification has begun."""
    for name in ("fixer", "fixer2"):
        world.employ(name)
    world.feed(seen(Phase.RAISE), seen(Phase.CLEAR, at_s=60))
    world.now_ns += 600 * SECOND_NS
    ticket = world.act(world.tickets[0], "assign", "officer", fixer="fixer")
    world.now_ns += 600 * SECOND_NS
    for action in ("take", "start"):
        ticket = world.act(ticket, action, "fixer")
    return Bench(world)


def start(bench: Bench, identity: str = "test-of-phone", *, actor: Actor = FIXER, ago_s: int = 0, **more: Any) -> Any:
    """Start a test of the ticket some seconds ago by the clock of the phone."""
    world = bench.world
    started_ns = world.now_ns - ago_s * SECOND_NS
    return world.dispatch.ticket_tests.start(world.tickets[0].id, actor, identity, started_ns=started_ns, **more)


def test_a_response_in_the_window_is_proof(bench: Bench) -> None:
    """Open until the reading arrives; then seen, stored once a minute, and the condition of the kind is met."""
    world = bench.world
    bench.write(0.02, world.now_ns - 60 * SECOND_NS)
    [test] = start(bench)
    assert (test.state, test.sensor, test.started_by) == (OPEN, "smoke-101", "fixer")
    world.now_ns += 20 * SECOND_NS
    bench.write(0.4, world.now_ns - SECOND_NS)
    [live] = world.dispatch.sensor_tests.of_ticket(test.ticket)
    assert (live.state, live.metric, live.value, live.before) == (SEEN, "smoke_density", 0.4, 0.02)
    assert proved_by_test(world) is False  # a page shows it at once; the proof uses the stored result
    world.dispatch.tick(world.now_ns)
    assert proved_by_test(world) is True
    kinds = [event.kind for event in world.dispatch.queries.history(test.ticket)]
    assert kinds[-2:] == ["ticket.test_started", "ticket.test_seen"]
    assert world.dispatch.sensor_tests.settle(world.now_ns) == 0


def test_a_test_of_a_phone_without_network_is_proved_at_once(bench: Bench) -> None:
    """The reading has arrived before the phone states the window; a repeated statement changes nothing."""
    world = bench.world
    bench.write(0.02, world.now_ns - 500 * SECOND_NS)
    bench.write(0.4, world.now_ns - 300 * SECOND_NS)
    [test] = start(bench, ago_s=320)
    assert test.state == SEEN
    assert start(bench, ago_s=320) == [test]
    assert proved_by_test(world) is True
    with pytest.raises(Invalid, match="no other test"):
        start(bench, ago_s=100)
    assert len(world.dispatch.sensor_tests.of_ticket(test.ticket)) == 1


def test_a_response_outside_the_window_is_no_proof(bench: Bench) -> None:
    """Before its begin, after its end; a day after the window it is unseen. Late data counts by event time."""
    world = bench.world
    bench.write(0.02, world.now_ns - 400 * SECOND_NS)
    bench.write(0.4, world.now_ns - 330 * SECOND_NS)
    bench.write(0.02, world.now_ns - 310 * SECOND_NS)
    start(bench, ago_s=300, window_s=60)
    bench.write(0.4, world.now_ns - 230 * SECOND_NS)
    world.now_ns += LATE_NS - SECOND_NS
    [test] = world.dispatch.sensor_tests.of_ticket(world.tickets[0].id)
    assert test.state == OPEN
    world.now_ns += 2 * SECOND_NS
    world.dispatch.tick(world.now_ns)
    [test] = world.dispatch.sensor_tests.of_ticket(world.tickets[0].id)
    assert (test.state, test.response_ns) == (UNSEEN, None)
    bench.write(0.5, test.started_ns + SECOND_NS)
    assert world.dispatch.sensor_tests.settle(world.now_ns) == 0
    assert proved_by_test(world) is False


def test_a_relapse_needs_a_test_of_its_own(bench: Bench, seen: Any) -> None:
    """A test of the former repair proves nothing."""
    world = bench.world
    bench.write(0.02, world.now_ns - 60 * SECOND_NS)
    bench.write(0.4, world.now_ns - SECOND_NS)
    start(bench, ago_s=10)
    ticket = world.act(world.tickets[0], "submit", "fixer")
    world.act(ticket, "accept", "officer2")
    world.now_ns += 86_400 * SECOND_NS
    world.feed(seen(Phase.RAISE, at_s=86_400))
    assert (world.tickets[0].state, world.tickets[0].relapses) == ("graded", 1)
    assert proved_by_test(world) is False


@pytest.mark.parametrize(("more", "error"), [
    ({"ago_s": 700}, "after the assignment"),
    ({"ago_s": -600}, "started_at"),
    ({"ago_s": 8 * 86_400}, "after the assignment"),
    ({"window_s": 5}, "window_s"),
    ({"identity": "short"}, "id: 8 to 64"),
])  # fmt: skip
def test_a_wrong_test_is_refused(bench: Bench, more: dict[str, Any], error: str) -> None:
    """Window, time and id are bounded; the hazard itself is no response to a test."""
    with pytest.raises(Invalid, match=error):
        start(bench, **more)
    assert bench.world.dispatch.sensor_tests.of_ticket(bench.world.tickets[0].id) == []


def test_only_persons_of_the_ticket_test(bench: Bench) -> None:
    """The assigned fixer, officers and operators of the school; nobody before the take-over."""
    with pytest.raises(Forbidden):
        start(bench, actor=FIXER2)
    with pytest.raises(Forbidden):
        start(bench, actor=Actor("viewer", frozenset(("viewer",))))
    with pytest.raises(NotFound):
        start(bench, actor=Actor("fixer", frozenset(("fixer",)), frozenset(("school-2",))))
    assert start(bench, actor=Actor("operator", frozenset(("operator",))))
    bench.world.act(bench.world.tickets[0], "assign", "officer", fixer="fixer2")
    with pytest.raises(GuardFailed):
        start(bench, "another-test")


def test_a_test_without_a_ticket_is_a_record_of_its_sensor(bench: Bench) -> None:
    """A schedule of tests uses the same windows."""
    world = bench.world
    bench.write(1.0, world.now_ns - SECOND_NS, metric="test", quality=int(Quality.TEST))
    new = NewTest("schedule-1", "school-1", ("smoke-101", "smoke-102"), world.now_ns - 5 * SECOND_NS)
    tests = world.dispatch.sensor_tests.start("operator", new)
    assert [(one.sensor, one.state) for one in tests] == [("smoke-101", SEEN), ("smoke-102", OPEN)]
    found = world.dispatch.sensor_tests.of_sensor("school-1", "smoke-101", since_ns=0)
    assert [one.id for one in found] == ["schedule-1"]
    report = world.dispatch.verify()
    assert (report.ok, report.rows_differing) == (True, ())


def proved_by_test(world: Any) -> bool | None:
    """Return the result of the condition "a test has been seen"."""
    proof = world.dispatch.proof(world.tickets[0], FIXER)
    met: bool | None = next(check.met for check in proof.checks if check.condition.type == "test_seen")
    return met
