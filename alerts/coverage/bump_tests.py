"""Bump tests: schedule by kind of detector, proof by a test in its signal, overdue tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, func, select

from alerts.database.schema import findings, sensor_tests
from alerts.hazards.bindings import assigned
from alerts.silences.muting import DRILL_RULE
from ingest import Sensor

from .requirements import DAY_NS, requirements

SEEN = "seen"
"""State of a started test whose response is in the signal."""
SOON_NS = 30 * DAY_NS
TestState = Literal["ok", "due", "overdue", "never_reported"]


@dataclass(frozen=True, slots=True)
class BumpTest:
    """Test of one detector. last_ns: newest test in its signal, None without one.

    due_ns: None before its first message. state: due within 30 days.
    """

    site: str
    sensor: str
    kind: str
    place: str
    last_ns: int | None
    due_ns: int | None
    state: TestState


def bump_tests(
    connection: Connection, sensors: Iterable[Sensor], *, now_ns: int, site: str | None = None
) -> list[BumpTest]:
    """Return the tests of all detectors with an interval and a place, the earliest due first.

    The first interval begins with the first message of the detector.
    """
    at, last = assigned(connection, None if site is None else [site]), last_tests(connection, site)
    found = []
    for sensor in sensors:
        interval_ns = requirements().bump_test_ns.get(sensor.kind)
        place = at.get((sensor.site, sensor.id)) or sensor.place
        if interval_ns is None or not place or sensor.removed or site not in {None, sensor.site}:
            continue
        tested_ns = last.get((sensor.site, sensor.id))
        begin_ns = tested_ns or sensor.first_ns
        due_ns = begin_ns + interval_ns if begin_ns else None
        state = _state(due_ns, now_ns)
        found.append(BumpTest(sensor.site, sensor.id, sensor.kind, place, tested_ns, due_ns, state))
    return sorted(found, key=lambda one: (one.due_ns is None, one.due_ns or 0, one.site, one.sensor))


def last_tests(connection: Connection, site: str | None = None) -> Mapping[tuple[str, str], int]:
    """Return (site, sensor) -> time of the newest test in its signal.

    A test is a detection marked as one, or a response within the window of a started test; a roster drill is none.
    """
    own, other = findings.c, sensor_tests.c
    marked = select(own.site, own.sensor, func.max(own.first_ns)).where(own.drill, own.rule != DRILL_RULE)
    started = select(other.site, other.sensor, func.max(other.started_ns)).where(other.state == SEEN)
    if site is not None:
        marked, started = marked.where(own.site == site), started.where(other.site == site)
    found = dict[tuple[str, str], int]()
    for query in (marked.group_by(own.site, own.sensor), started.group_by(other.site, other.sensor)):
        for at, sensor, tested_ns in connection.execute(query):
            found[at, sensor] = max(int(tested_ns), found.get((at, sensor), 0))
    return found


def _state(due_ns: int | None, now_ns: int) -> TestState:
    if due_ns is None:
        return "never_reported"
    if due_ns < now_ns:
        return "overdue"
    return "due" if due_ns < now_ns + SOON_NS else "ok"
