"""Floods of names and messages: one report of start and end, counted excess, no false floods."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from ingest import (
    SERVICE_DEVICE,
    BatchSettings,
    Catalog,
    Counts,
    Intake,
    IntakeSettings,
    Ledger,
    LedgerDelta,
    LedgerEntries,
    QuarantineChanges,
    Sensor,
)
from ingest.intake.floods import BACKLOG_NS, MANY, Names

SECOND_NS = 1_000_000_000
NOW_NS = 1_788_000_000 * SECOND_NS
NOW_MS = NOW_NS // 1_000_000
TURN_S = 5
ALLOWED, RATE = 10, 80
Frame = tuple[int, int, bytes, bytes]


@dataclass
class Campus:
    """An intake with a tick every five seconds, its self-readings (sensor, metric, value) and notices by reason."""

    catalog: Catalog = field(default_factory=Catalog)
    settings: IntakeSettings = field(default_factory=lambda: IntakeSettings(message_rate_max=ALLOWED))
    second: int = 0
    numbers: Counter[str] = field(default_factory=Counter)
    reports: list[tuple[str, str, float]] = field(default_factory=list)
    notices: dict[str, int] = field(default_factory=dict)
    deltas: list[tuple[int, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Restart the process with the state of the log."""
        ledger = Ledger(LedgerEntries(added=self.deltas))
        self.intake = Intake(self.catalog, settings=self.settings, batch=BatchSettings(age_s=10), ledger=ledger)

    def turn(self, frames: Iterable[Frame] = ()) -> None:
        """Process these messages over five seconds, two batches a second."""
        frames = list(frames)
        for part in range(2 * TURN_S):
            now_ns = NOW_NS + self.second * SECOND_NS + part * SECOND_NS // 2
            self.intake.accept(frames[part :: 2 * TURN_S], now_ns)
            self.seal()
        self.second += TURN_S
        self.intake.tick(NOW_NS + self.second * SECOND_NS)
        self.seal()

    def seal(self) -> None:
        """Append a batch to the log."""
        sealed = self.intake.seal()
        if sealed is None:
            return
        if sealed.of(LedgerDelta):
            self.deltas.append((sealed.of(LedgerDelta).number, sealed.of(LedgerDelta).added))
        names = {self.catalog.metric(name).code: name for name in ("message_rate", "new_names")}
        batch = sealed.batch
        for sensor, metric, value in zip(
            *(column.tolist() for column in (batch.sensor, batch.metric, batch.value)), strict=True
        ):
            if metric in names:
                self.reports.append((self.catalog[sensor].id, names[metric], value))
        for count, rows in sealed.of(Counts).rows.items():
            if count.outcome == "notice":
                self.notices[count.reason] = self.notices.get(count.reason, 0) + rows

    def messages(self, sensor: str, count: int, *, times: Iterable[int] | None = None) -> list[Frame]:
        """Return messages of a sensor. times: ms since the beginning; without times the messages carry none."""
        topic, found = f"campus/s/env/{sensor}".encode(), []
        stamps = [None] * count if times is None else list(times)
        for stamp in stamps:
            self.numbers[sensor] += 1
            own = {} if stamp is None else {"time": NOW_MS + stamp}
            found.append((0, 0, topic, json.dumps(own | {"seq": self.numbers[sensor], "co2": 1}).encode()))
        return found

    def live(self, sensor: str, count: int) -> list[Frame]:
        """Return messages of the next five seconds, each with its own time."""
        return self.messages(
            sensor, count, times=[1_000 * self.second + TURN_S * 1_000 * n // count for n in range(count)]
        )

    def rates(self) -> list[float]:
        """Return the reported message rates."""
        return [value for _, metric, value in self.reports if metric == "message_rate"]


@pytest.mark.parametrize("timed", [True, False])
def test_a_flooding_device_has_one_start_a_count_and_one_end(*, timed: bool) -> None:
    """Eight times the limit for half a minute gives one reading of the rate, the excess, and one zero."""
    campus, loud = Campus(), TURN_S * RATE
    for _ in range(8):
        campus.turn(campus.live("mad", loud) if timed else campus.messages("mad", loud))
    assert campus.reports == [("mad", "message_rate", pytest.approx(RATE))]
    assert campus.notices["excess"] == 6 * TURN_S * (
        RATE - ALLOWED
    )  # all but the first check and the one that detected the flood
    for _ in range(4):
        campus.turn(campus.live("mad", 5))
    assert campus.reports[1:] == [("mad", "message_rate", 0.0)]


def test_repeated_and_rejected_messages_count() -> None:
    """Ten thousand equal messages are a flood like ten thousand different ones."""
    for payload in (b'{"seq": 7, "co2": 1}', b'{"co2": "no'):
        campus = Campus()
        campus.turn(campus.live("mad", 5))
        for _ in range(6):
            campus.turn([(0, 0, b"campus/s/env/mad", payload)] * (TURN_S * RATE))
        assert campus.rates() == [pytest.approx(RATE)]
        for _ in range(4):
            campus.turn()
        assert campus.rates()[1:] == [0.0]


def test_backfill_of_a_device_is_no_flood() -> None:
    """Two hours of one message a second, sent in a minute, among live ones and in either order, are no flood."""
    for order in (1, -1):
        campus = Campus()
        history = list(range(-7_200_000, 0, 1_000))[::order]
        for part in range(12):
            stored = campus.messages("slow", 0, times=history[part * 600 : (part + 1) * 600])
            campus.turn([*stored, *campus.live("slow", 5)])
        campus.turn()
        assert campus.reports == []
        assert "excess" not in campus.notices


def test_a_backlog_of_the_broker_is_no_flood() -> None:
    """Messages without time of many devices at once are reported only when they do not end."""
    campus, devices = Campus(), MANY + 2
    turns = BACKLOG_NS // (TURN_S * SECOND_NS)
    for turn in range(turns + 3):
        if turn == 6:
            assert campus.reports == []
        campus.turn(frame for n in range(devices) for frame in campus.messages(f"d{n}", TURN_S * 12))
    assert {sensor for sensor, _, _ in campus.reports} == {f"d{n}" for n in range(devices)}


def test_a_short_burst_is_no_flood() -> None:
    """Any excess of less than ten seconds is no flood."""
    campus = Campus()
    for _ in range(5):
        campus.turn(campus.live("d", 1_000))
        campus.turn(campus.live("d", 5))
        campus.turn(campus.live("d", 5))
    assert campus.reports == []


def test_arrays_are_one_message() -> None:
    """An array of a hundred readings a second counts as one message a second."""
    campus = Campus()
    for _ in range(8):
        frames = []
        for second in range(TURN_S):
            stamps = [NOW_MS + (campus.second + second) * 1_000 + 10 * n for n in range(100)]
            frames.append((0, 0, b"campus/s/env/g", json.dumps([{"time": at, "co2": 1} for at in stamps]).encode()))
        campus.turn(frames)
    assert campus.reports == []


def test_the_end_of_a_flood_is_reported_over_a_restart() -> None:
    """The end of a reported flood is reported by the process that detects it."""
    campus = Campus()
    for _ in range(5):
        campus.turn([*campus.live("mad", TURN_S * RATE), *_undeclared(campus.second, 400)])
    assert {sensor for sensor, _, _ in campus.reports} == {"mad", SERVICE_DEVICE}
    campus.restart()
    for _ in range(16):
        campus.turn()
    assert [report for report in campus.reports if report[2] == 0.0] == [
        ("mad", "message_rate", 0.0),
        (SERVICE_DEVICE, "new_names", 0.0),
    ]
    assert sum(value > 0 for _, _, value in campus.reports) == 2


def _undeclared(start: int, count: int, site: str = "s") -> list[Frame]:
    """Return messages of that many unknown devices."""
    return [(0, 0, f"campus/{site}/env/x-{start}-{n}".encode(), b'{"co2": 1}') for n in range(count)]


def test_a_flood_of_names_is_one_event() -> None:
    """A flood of names is reported once, counted, and ends a minute after its last name."""
    campus = Campus()
    for _ in range(6):
        campus.turn(_undeclared(campus.second, 500))
    for _ in range(14):
        campus.turn()
    *during, end = [value for _, _, value in campus.reports]
    assert min(during) > 1_000
    assert len(during) <= 2  # a minute later it continued
    assert end == 0.0
    assert {report[:2] for report in campus.reports} == {(SERVICE_DEVICE, "new_names")}
    assert campus.notices["new_names"] == 3_000


def test_the_first_start_of_a_city_is_no_flood() -> None:
    """Three thousand sites with two hundred sensors each, within five seconds, are no flood."""
    catalog = Catalog()
    names = Names(catalog, Ledger(), names_max=1_000)
    for number in range(600_000):
        catalog.code(f"s{number % 3_000}", f"x-{number}", "smoke")
    assert names.due(NOW_NS) == []


def test_declared_names_are_no_flood() -> None:
    """Five thousand declared sensors may start together."""
    declared = [Sensor(-1, f"x-0-{n}", "s", "env") for n in range(5_000)]
    campus = Campus(Catalog(declared, undeclared_max=0))
    campus.turn(_undeclared(0, 5_000))
    assert campus.reports == []
    assert len(campus.catalog) == 5_001


def test_a_full_site_leaves_capacity_to_others() -> None:
    """Beyond its bound new names of a site are counted rejects; known, declared and other sites' names continue."""
    declared = [Sensor(-1, f"known-{n}", "s", "smoke") for n in range(3)]
    campus = Campus(Catalog(declared, undeclared_max=100, sites_max=2))
    campus.turn(_undeclared(0, 2_000))
    assert sum(sensor.site == "s" for sensor in campus.catalog) == 100 + len(declared) + 1  # and the service's name
    assert campus.reports[0][:2] == (SERVICE_DEVICE, "new_names")
    campus.turn([(0, 0, b"campus/s/smoke/known-%d" % n, b'{"smoke": false}') for n in range(3)])
    assert sum(sensor.declared and sensor.first_ns > 0 for sensor in campus.catalog) == len(declared)
    campus.turn([*_undeclared(0, 100), *_undeclared(0, 100, "t"), *_undeclared(0, 100, "u"), *_undeclared(0, 5, "v")])
    assert {site: sum(sensor.site == site for sensor in campus.catalog) for site in ("t", "u", "v")} == {
        "t": 100,
        "u": 100,
        "v": 0,
    }


def test_the_services_name_is_reserved() -> None:
    """No device can report the end of a flood."""
    campus = Campus()
    campus.intake.accept([(0, 0, f"campus/s/device/{SERVICE_DEVICE}".encode(), b'{"new_names": 0}')], NOW_NS)
    sealed = campus.intake.seal()
    assert sealed is not None
    assert [one.reason for one in sealed.of(QuarantineChanges).rejected] == ["sensor_name"]
