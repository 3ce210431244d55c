"""Records of sensor tests: window, person, and the response that the signal shows or does not show."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update

from alerts.database import journal
from alerts.database.row_changes import added, changed
from alerts.database.schema import sensor_tests
from alerts.errors import Invalid
from ingest import StoreError

from .response import Signals

OPEN, SEEN, UNSEEN = "open", "seen", "unseen"
ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
WINDOW_S, WINDOW_S_MIN, WINDOW_S_MAX = 300, 30, 3_600
LATE_NS = 86_400_000_000_000
"""A response counts by its event time; late data of a gateway arrives within this time after the window."""
OLD_NS = 7 * 86_400_000_000_000
"""A phone without network states a test at most this long after its begin."""
AHEAD_NS = 120_000_000_000
"""A phone's clock may be ahead of the service by this much."""
SENSORS_MAX = 50
OPEN_MAX = 500


@dataclass(frozen=True, slots=True)
class SensorTest:
    """One test of one sensor. ticket: "" without one; started_ns: by the device of the person.

    state: open, seen or unseen. metric, value, before, response_ns: of the response, "" or None without one.
    """

    id: str
    sensor: str
    site: str
    ticket: str
    started_ns: int
    until_ns: int
    started_by: str
    recorded_ns: int
    state: str = OPEN
    metric: str = ""
    value: float | None = None
    before: float | None = None
    response_ns: int | None = None


@dataclass(frozen=True, slots=True)
class NewTest:
    """A test as a person starts it. id: of the caller; the same id again is the same test."""

    id: str
    site: str
    sensors: Sequence[str]
    started_ns: int
    window_s: int = WINDOW_S
    ticket: str = ""


class SensorTests:
    """Tests of all sites. The callers check rights and scope. Methods may be called from several threads."""

    def __init__(self, engine: Engine, clock: Callable[[], int], signals: Callable[[], Signals | None]) -> None:
        """signals: None while no store is open."""
        self._engine, self._clock, self._signals = engine, clock, signals
        self._reading = engine.execution_options(writes=False)

    def start(self, by: str, new: NewTest) -> list[SensorTest]:
        """Store a test of each sensor, with the responses that have arrived; return them by sensor. Raises Invalid.

        A known id returns the stored tests. The same id with other content is invalid.
        """
        now_ns = self._clock()
        _check(new, now_ns)
        tests = [self.present(one) for one in _made(by, new, now_ns)]
        with self._engine.begin() as connection:
            if known := [_test(row) for row in connection.execute(_of(new.id))]:
                return _repeated(known, tests)
            for test in tests:
                connection.execute(insert(sensor_tests).values(asdict(test)))
            facts = {"test": new.id, "sensors": [one.sensor for one in tests], "started_ns": new.started_ns}
            rows = [added(sensor_tests, asdict(test)) for test in tests]
            append = partial(journal.append, connection, at_ns=now_ns)
            append(actor=by, facts=facts, rows=rows, **_about(tests[0], "test_started"))
            for test in tests:
                if test.state == SEEN:
                    append(actor="system", facts=_response(test), **_about(test, "test_seen"))
        return tests

    def of_ticket(self, ticket: str) -> list[SensorTest]:
        """Return the tests of a ticket, the oldest first; open ones with the responses that have arrived."""
        own = sensor_tests.c
        query = select(sensor_tests).where(own.ticket == ticket).order_by(own.started_ns, own.id, own.sensor)
        return self._read(query)

    def of_sensor(self, site: str, sensor: str, *, since_ns: int) -> list[SensorTest]:
        """Return the tests of a sensor since a time, the oldest first; open ones as in `of_ticket`."""
        own = sensor_tests.c
        query = select(sensor_tests).where(own.site == site, own.sensor == sensor, own.started_ns >= since_ns)
        return self._read(query.order_by(own.started_ns, own.id))

    def present(self, test: SensorTest) -> SensorTest:
        """Return a test as the stored readings show it now; unchanged while the store cannot be read."""
        signals, now_ns = self._signals(), self._clock()
        if test.state != OPEN or signals is None:
            return test
        try:
            found = signals.response(test.site, test.sensor, from_ns=test.started_ns, to_ns=test.until_ns)
        except StoreError:
            return test
        if found is None:
            return replace(test, state=UNSEEN) if now_ns > max(test.until_ns, test.recorded_ns) + LATE_NS else test
        return replace(
            test, state=SEEN, metric=found.metric, value=found.value, before=found.before, response_ns=found.at_ns
        )

    def settle(self, now_ns: int) -> int:
        """Store the results of open tests; return their number. The readings are read before the write."""
        query = select(sensor_tests).where(sensor_tests.c.state == OPEN).order_by(sensor_tests.c.started_ns)
        with self._reading.connect() as connection:
            waiting = [_test(row) for row in connection.execute(query.limit(OPEN_MAX))]
        ended = [(one, after) for one in waiting if (after := self.present(one)) != one]
        if ended:
            with self._engine.begin() as connection:
                for before, after in ended:
                    _settle(connection, before, after, now_ns=now_ns)
        return len(ended)

    def _read(self, query: Any) -> list[SensorTest]:
        with self._reading.connect() as connection:
            found = [_test(row) for row in connection.execute(query)]
        return [self.present(one) for one in found]


def _settle(connection: Connection, before: SensorTest, after: SensorTest, *, now_ns: int) -> None:
    own = sensor_tests.c
    same = (own.id == before.id, own.sensor == before.sensor, own.state == OPEN)
    if connection.execute(update(sensor_tests).where(*same).values(asdict(after))).rowcount:
        rows, facts = [changed(sensor_tests, asdict(before), asdict(after))], _response(after)
        about = _about(after, f"test_{after.state}")
        journal.append(connection, at_ns=now_ns, actor="system", facts=facts, rows=rows, **about)


def _check(new: NewTest, now_ns: int) -> None:
    wrong = dict[str, tuple[str, str]]()
    if not ID.fullmatch(new.id):
        allowed = "8 to 64 characters of A-Z, a-z, 0-9, dot, dash, underscore"
        wrong["id"] = allowed, "8 至 64 个字母、数字、点、短横或下划线"
    if not 0 < len(new.sensors) <= SENSORS_MAX:
        wrong["sensors"] = f"1 to {SENSORS_MAX} sensors", "没有可测试的传感器"
    if not WINDOW_S_MIN <= new.window_s <= WINDOW_S_MAX:
        wrong["window_s"] = f"{WINDOW_S_MIN} to {WINDOW_S_MAX} s", f"{WINDOW_S_MIN} 至 {WINDOW_S_MAX} 秒"
    if not now_ns - OLD_NS <= new.started_ns <= now_ns + AHEAD_NS:
        wrong["started_at"] = "a time of the last 7 days", "开始时间须在最近7天内"
    if wrong:
        raise Invalid.in_both(wrong)


def _made(by: str, new: NewTest, now_ns: int) -> list[SensorTest]:
    until_ns = new.started_ns + new.window_s * 1_000_000_000
    return [
        SensorTest(new.id, sensor, new.site, new.ticket, new.started_ns, until_ns, by, now_ns)
        for sensor in sorted(set(new.sensors))
    ]


def _repeated(known: list[SensorTest], tests: list[SensorTest]) -> list[SensorTest]:
    same = [(one.site, one.ticket, one.sensor, one.started_ns, one.until_ns, one.started_by) for one in known]
    if same != [(one.site, one.ticket, one.sensor, one.started_ns, one.until_ns, one.started_by) for one in tests]:
        raise Invalid({"id": "an id of no other test"}, zh={"id": "该编号已用于另一次测试"})
    return known


def _of(identity: str) -> Any:
    return select(sensor_tests).where(sensor_tests.c.id == identity).order_by(sensor_tests.c.sensor)


def _test(row: Row[Any]) -> SensorTest:
    return SensorTest(**row._asdict())


def _response(test: SensorTest) -> dict[str, Any]:
    return {
        "test": test.id,
        "sensor": test.sensor,
        "metric": test.metric,
        "value": test.value,
        "before": test.before,
        "response_ns": test.response_ns,
    }


def _about(test: SensorTest, what: str) -> dict[str, Any]:
    """Return kind, site and subject of a journal entry: the ticket of the test, else its sensor."""
    subject, prefix = (test.ticket, "ticket") if test.ticket else (f"{test.site}/{test.sensor}", "sensor")
    return {"kind": f"{prefix}.{what}", "site": test.site, "subject": subject}
