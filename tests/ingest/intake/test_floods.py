"""Floods: of names and of messages; each told once, counted, and told to be over; backlogs are none."""

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
    """An intake that ticks every five seconds, and what it says: (sensor, metric, value), notices by reason."""

    catalog: Catalog = field(default_factory=Catalog)
    settings: IntakeSettings = field(default_factory=lambda: IntakeSettings(message_rate_max=ALLOWED))
    second: int = 0
    numbers: Counter[str] = field(default_factory=Counter)
    said: list[tuple[str, str, float]] = field(default_factory=list)
    notices: dict[str, int] = field(default_factory=dict)
    deltas: list[tuple[int, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """A process that begins with what the log holds."""
        ledger = Ledger(LedgerEntries(added=self.deltas))
        self.door = Intake(self.catalog, settings=self.settings, batch=BatchSettings(age_s=10), ledger=ledger)

    def turn(self, frames: Iterable[Frame] = ()) -> None:
        """Five seconds with these messages, spread over two batches of each second."""
        frames = list(frames)
        for part in range(2 * TURN_S):
            now_ns = NOW_NS + self.second * SECOND_NS + part * SECOND_NS // 2
            self.door.accept(frames[part :: 2 * TURN_S], now_ns)
            self.seal()
        self.second += TURN_S
        self.door.tick(NOW_NS + self.second * SECOND_NS)
        self.seal()

    def seal(self) -> None:
        """A batch in the log."""
        sealed = self.door.seal()
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
                self.said.append((self.catalog[sensor].id, names[metric], value))
        for count, rows in sealed.of(Counts).rows.items():
            if count.outcome == "notice":
                self.notices[count.reason] = self.notices.get(count.reason, 0) + rows

    def messages(self, sensor: str, count: int, *, times: Iterable[int] | None = None) -> list[Frame]:
        """So many messages of a sensor; times: in ms since the beginning, none told where there are none."""
        topic, found = f"campus/s/env/{sensor}".encode(), []
        stamps = [None] * count if times is None else list(times)
        for stamp in stamps:
            self.numbers[sensor] += 1
            own = {} if stamp is None else {"time": NOW_MS + stamp}
            found.append((0, 0, topic, json.dumps(own | {"seq": self.numbers[sensor], "co2": 1}).encode()))
        return found

    def live(self, sensor: str, count: int) -> list[Frame]:
        """So many messages of the next five seconds, each with its own time."""
        return self.messages(
            sensor, count, times=[1_000 * self.second + TURN_S * 1_000 * n // count for n in range(count)]
        )

    def rates(self) -> list[float]:
        """What was said of message rates, by value."""
        return [value for _, metric, value in self.said if metric == "message_rate"]


@pytest.mark.parametrize("timed", [True, False])
def test_a_mad_device_is_told_once_counted_and_told_to_be_over(*, timed: bool) -> None:
    """Eight times as many messages as it may, for half a minute: one reading of the rate, the excess, one zero."""
    campus, loud = Campus(), TURN_S * RATE
    for _ in range(8):
        campus.turn(campus.live("mad", loud) if timed else campus.messages("mad", loud))
    assert campus.said == [("mad", "message_rate", pytest.approx(RATE))]
    assert campus.notices["excess"] == 6 * TURN_S * (
        RATE - ALLOWED
    )  # all but the first look and the one that drew attention
    for _ in range(4):
        campus.turn(campus.live("mad", 5))
    assert campus.said[1:] == [("mad", "message_rate", 0.0)]


def test_repeated_and_refused_messages_are_messages_too() -> None:
    """A device that says one thing ten thousand times is as loud as one that says ten thousand things."""
    for payload in (b'{"seq": 7, "co2": 1}', b'{"co2": "no'):
        campus = Campus()
        campus.turn(campus.live("mad", 5))
        for _ in range(6):
            campus.turn([(0, 0, b"campus/s/env/mad", payload)] * (TURN_S * RATE))
        assert campus.rates() == [pytest.approx(RATE)]
        for _ in range(4):
            campus.turn()
        assert campus.rates()[1:] == [0.0]


def test_what_a_store_gives_out_is_no_flood() -> None:
    """Two hours at one message a second, sent in a minute, also beside live ones, also the newest first."""
    for order in (1, -1):
        campus = Campus()
        history = list(range(-7_200_000, 0, 1_000))[::order]
        for part in range(12):
            stored = campus.messages("slow", 0, times=history[part * 600 : (part + 1) * 600])
            campus.turn([*stored, *campus.live("slow", 5)])
        campus.turn()
        assert campus.said == []
        assert "excess" not in campus.notices


def test_a_broker_that_gives_out_what_it_kept_is_no_flood() -> None:
    """Messages without time of many devices at once are told only when that does not end."""
    campus, devices = Campus(), MANY + 2
    turns = BACKLOG_NS // (TURN_S * SECOND_NS)
    for turn in range(turns + 3):
        if turn == 6:
            assert campus.said == []
        campus.turn(frame for n in range(devices) for frame in campus.messages(f"d{n}", TURN_S * 12))
    assert {sensor for sensor, _, _ in campus.said} == {f"d{n}" for n in range(devices)}


def test_a_short_burst_is_nothing() -> None:
    """Less than ten seconds beyond the bound, however far."""
    campus = Campus()
    for _ in range(5):
        campus.turn(campus.live("d", 1_000))
        campus.turn(campus.live("d", 5))
        campus.turn(campus.live("d", 5))
    assert campus.said == []


def test_arrays_are_one_message() -> None:
    """A gateway that gathers a hundred readings of each second sends one message a second."""
    campus = Campus()
    for _ in range(8):
        frames = []
        for second in range(TURN_S):
            stamps = [NOW_MS + (campus.second + second) * 1_000 + 10 * n for n in range(100)]
            frames.append((0, 0, b"campus/s/env/g", json.dumps([{"time": at, "co2": 1} for at in stamps]).encode()))
        campus.turn(frames)
    assert campus.said == []


def test_the_end_of_a_flood_is_told_over_a_restart() -> None:
    """What was told before is told to be over, by whichever process sees it."""
    campus = Campus()
    for _ in range(5):
        campus.turn([*campus.live("mad", TURN_S * RATE), *_strangers(campus.second, 400)])
    assert {sensor for sensor, _, _ in campus.said} == {"mad", SERVICE_DEVICE}
    campus.restart()
    for _ in range(16):
        campus.turn()
    assert [told for told in campus.said if told[2] == 0.0] == [
        ("mad", "message_rate", 0.0),
        (SERVICE_DEVICE, "new_names", 0.0),
    ]
    assert sum(value > 0 for _, _, value in campus.said) == 2


def _strangers(start: int, count: int, site: str = "s") -> list[Frame]:
    """Messages of as many devices that nobody knows."""
    return [(0, 0, f"campus/{site}/env/x-{start}-{n}".encode(), b'{"co2": 1}') for n in range(count)]


def test_a_flood_of_names_is_one_event() -> None:
    """Told once, counted, and over a minute after it ends."""
    campus = Campus()
    for _ in range(6):
        campus.turn(_strangers(campus.second, 500))
    for _ in range(14):
        campus.turn()
    *during, end = [value for _, _, value in campus.said]
    assert min(during) > 1_000
    assert len(during) <= 2  # a minute later it was still going on
    assert end == 0.0
    assert {told[:2] for told in campus.said} == {(SERVICE_DEVICE, "new_names")}
    assert campus.notices["new_names"] == 3_000


def test_the_first_start_of_a_city_is_no_flood() -> None:
    """Three thousand sites with two hundred sensors each, all within five seconds."""
    catalog = Catalog()
    names = Names(catalog, Ledger(), names_max=1_000)
    for number in range(600_000):
        catalog.code(f"s{number % 3_000}", f"x-{number}", "smoke")
    assert names.due(NOW_NS) == []


def test_declared_names_are_no_strangers() -> None:
    """A campus file with five thousand sensors that all begin at once."""
    declared = [Sensor(-1, f"x-0-{n}", "s", "env") for n in range(5_000)]
    campus = Campus(Catalog(declared, undeclared_max=0))
    campus.turn(_strangers(0, 5_000))
    assert campus.said == []
    assert len(campus.catalog) == 5_001


def test_a_full_site_leaves_the_others_room() -> None:
    """Beyond its bound a site's new names are refused and told; known and declared ones and other sites go on."""
    declared = [Sensor(-1, f"known-{n}", "s", "smoke") for n in range(3)]
    campus = Campus(Catalog(declared, undeclared_max=100, sites_max=2))
    campus.turn(_strangers(0, 2_000))
    assert sum(sensor.site == "s" for sensor in campus.catalog) == 100 + 1  # and the service's own
    assert campus.said[0][:2] == (SERVICE_DEVICE, "new_names")
    before = len(campus.catalog)
    campus.turn([(0, 0, b"campus/s/smoke/known-%d" % n, b'{"smoke": false}') for n in range(3)])
    assert len(campus.catalog) == before + 3
    campus.turn([*_strangers(0, 100), *_strangers(0, 100, "t"), *_strangers(0, 100, "u"), *_strangers(0, 5, "v")])
    assert {site: sum(sensor.site == site for sensor in campus.catalog) for site in ("t", "u", "v")} == {
        "t": 100,
        "u": 100,
        "v": 0,
    }


def test_the_services_own_name_is_taken() -> None:
    """No device can say of itself that a flood is over."""
    campus = Campus()
    campus.door.accept([(0, 0, f"campus/s/device/{SERVICE_DEVICE}".encode(), b'{"new_names": 0}')], NOW_NS)
    sealed = campus.door.seal()
    assert sealed is not None
    assert [one.reason for one in sealed.of(QuarantineChanges).rejected] == ["sensor_name"]
