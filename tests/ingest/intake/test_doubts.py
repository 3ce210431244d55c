"""No time withholds a life-safety reading; old times of right clocks stay late, also over a restart."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import Calendar, build, load_recipe
from ingest import BatchSettings, Catalog, Counts, Intake, Memory, Sensor, residual
from ingest.decode import decoders
from ingest.intake.doubts import Doubts
from ingest.vocabulary import LIFE_SAFETY, METRIC_BY_NAME, STANDING

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * 1_000_000_000
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
SHANGHAI = ZoneInfo("Asia/Shanghai")
SMOKE = b"campus/s1/smoke/a"
RETAIN, LIVE = 0x01, 0x00
RECIPE = load_recipe()


@dataclass
class World:
    """Intake and detectors with durable memory, and a clock."""

    declared: tuple[Sensor, ...] = ()
    now_ns: int = NOW_NS
    memory: dict[tuple[str, str], bytes] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    stored: list[tuple[str, str, int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.catalog = Catalog(self.declared)
        self.detectors = build(RECIPE, self.catalog, Calendar())
        self.restart()

    def restart(self) -> None:
        """Open the intake again from its durable memory."""
        memory = [(*key, value) for key, value in self.memory.items()]
        self.intake = Intake(self.catalog, decoders(), batch=BatchSettings(age_s=10), memory=memory, zone=SHANGHAI)

    def send(
        self, topic: bytes | str, payload: Any, *, flags: int = LIVE, after_s: float = 0
    ) -> list[tuple[str, bool, str]]:
        """Send one message; return hazard kind, lateness and doubt of each raise."""
        self.now_ns += round(after_s * SECOND_NS)
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        name = topic if isinstance(topic, bytes) else topic.encode()
        self.intake.accept([(flags, 0, name, body)], self.now_ns)
        self.intake.tick(self.now_ns)
        sealed = self.intake.seal()
        assert sealed is not None
        assert not any(residual(sealed.of(Counts).rows).values())
        for key, value in sealed.of(Memory).values.items():
            if value is None:
                self.memory.pop(key, None)
            else:
                self.memory[key] = value
        for count, rows in sealed.of(Counts).rows.items():
            self.reasons[count.reason or count.outcome] = self.reasons.get(count.reason or count.outcome, 0) + rows
        batch = sealed.batch
        self.stored += [
            (self.catalog[code].id, self.catalog.metric_of(metric).name, at, value)
            for code, metric, at, value in zip(
                batch.sensor.tolist(), batch.metric.tolist(), batch.time_ns.tolist(), batch.value.tolist(), strict=True
            )
        ]
        found = self.detectors.update(batch)
        return [
            (found.hazard[row], bool(found.late[row]), str(found.evidence[row].get("doubt", "")))
            for row in range(len(found))
            if int(found.phase[row]) == 0
        ]

    def smoke(self, value: int, age_s: float = 0, *, after_s: float = 10) -> list[tuple[str, bool, str]]:
        """Send a smoke reading whose stated time is `age_s` old."""
        stated_ms = (self.now_ns + round((after_s - age_s) * SECOND_NS)) // 1_000_000
        return self.send(SMOKE, {"time": stated_ms, "smoke": value}, after_s=after_s)


def test_the_metrics_of_life_safety_are_in_the_vocabulary() -> None:
    """Every one has a code; a standing one is a metric of life safety."""
    assert set(METRIC_BY_NAME) >= LIFE_SAFETY > STANDING


def test_every_metric_that_pages_for_a_danger_to_life_is_one_of_life_safety() -> None:
    """By the shipped recipe; anomalies, mains, chargers and thefts concern the installation.

    Counts, labels and the humidity of the evidence are no states of danger by themselves.
    """
    other = {"anomaly", "camera_blind", "pipe_burst", "pipe_leak", "ebike_in_building", "theft", "abandoned_object"}
    beside = {"humidity", "people_in", "people_out", "activity", "event"}
    paging = [rule for rule in RECIPE.rules if rule.hazard not in other and {*rule.pages} & {*rule.levels}]
    assert {metric for rule in paging for metric in rule.reads} - beside <= LIFE_SAFETY


STAMPS: dict[str, tuple[Any, str]] = {
    "seconds since the start": (7.3, "time_past"),
    "zero": (0, "time_past"),
    "1970": ("1970-01-01T00:00:07Z", "time_past"),
    "2000": ("2000-01-01T08:00:00+08:00", "time_past"),
    "before 1970": (-5, "time_past"),
    "2036": ("2036-02-07T06:28:16Z", "time_future"),
    "an hour ahead": ((NOW + timedelta(hours=1)).isoformat(), "time_future"),
    "beyond 2262": (10**22, "time_future"),
    "eight hours old": ((NOW - timedelta(hours=8)).isoformat(), "clock_unknown"),
    "three days old, in milliseconds": ((NOW_NS - 72 * HOUR_NS) // 1_000_000, "clock_unknown"),
    "no time": ("soon", "time_format"),
    "an object": ({"at": 1}, "time_format"),
    "true": (True, "time_format"),
}
"""Times that a device may state, with the doubt."""

UNDOUBTED: dict[str, Any] = {
    "missing": None,
    "empty": "",
    "seconds": NOW_NS // SECOND_NS,
    "milliseconds": NOW_NS // 1_000_000,
    "microseconds": NOW_NS // 1_000,
    "nanoseconds": NOW_NS,
    "local": NOW.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S"),
    "universal without its mark": NOW.strftime("%Y-%m-%dT%H:%M:%S"),
    "a little late": (NOW - timedelta(minutes=5)).isoformat(),
}

MESSAGES: dict[str, Callable[[Any], tuple[str, Any]]] = {
    "native": lambda at: ("campus/s1/smoke/a", {"time": at, "smoke": True}),
    "native array": lambda at: ("campus/s1/smoke/a", [{"time": at, "smoke": True, "battery": 90}]),
    "zigbee2mqtt": lambda at: ("zigbee2mqtt/head", {"smoke": True, "battery": 90, "last_seen": at}),
    "shelly_gen2": lambda at: (
        "shellyplussmoke-1/events/rpc",
        {
            "src": "shellyplussmoke-1",
            "method": "NotifyStatus",
            "params": {"ts": at, "smoke:0": {"id": 0, "alarm": True}},
        },
    ),
    "chirpstack": lambda at: (
        "application/17c82e96-be03-4f38-aef3-f83d48582d97/device/24e124713c140003/event/up",
        {
            "time": at,
            "deviceInfo": {"deviceProfileName": "GS524N", "devEui": "24e124713c140003"},
            "fPort": 85,
            "object": {"type": "smoke sensor", "event": "alarm", "temperature": 25.0},
        },
    ),
    "tts_v3": lambda at: (
        "v3/campus@ttn/devices/lab-ra02a/up",
        {
            "end_device_ids": {"device_id": "lab-ra02a"},
            "received_at": at,
            "uplink_message": {
                "f_port": 6,
                "decoded_payload": {"Device": "RA02A", "FireAlarm": "Alarm"},
                "received_at": at,
            },
        },
    ),
}
"""A life-safety alarm of each format whose messages carry a time."""


@pytest.mark.parametrize("wire", MESSAGES)
@pytest.mark.parametrize("stated", STAMPS)
def test_an_alarm_with_a_doubtful_time_pages_in_every_format(wire: str, stated: str) -> None:
    """It raises at its arrival, not late, with the doubt; nothing of it is quarantined."""
    at, doubt = STAMPS[stated]
    world = World()
    raised = world.send(*MESSAGES[wire](at))
    fires = [(late, reason) for hazard, late, reason in raised if hazard == "fire"]
    assert fires
    assert {late for late, _ in fires} == {False}
    assert world.reasons["received"] == world.reasons["stored"]
    if doubt in {"time_past", "time_future"}:
        assert {at for sensor, _, at, _ in world.stored if sensor != "clock"} == {NOW_NS}
    assert {reason for _, reason in fires} == {doubt}


@pytest.mark.parametrize("wire", MESSAGES)
@pytest.mark.parametrize("stated", UNDOUBTED)
def test_an_alarm_with_a_recognised_or_missing_time_pages_without_doubt(wire: str, stated: str) -> None:
    """Units and local times are recognised by plausibility; a missing time is the arrival."""
    raised = World().send(*MESSAGES[wire](UNDOUBTED[stated]))
    assert {(late, doubt) for hazard, late, doubt in raised if hazard == "fire"} == {(False, "")}


@pytest.mark.parametrize("metric", sorted(LIFE_SAFETY))
@pytest.mark.parametrize("stated", ["1970", "2036", "eight hours old", "no time"])
def test_no_metric_of_life_safety_is_refused_for_its_time(metric: str, stated: str) -> None:
    """Stored, with the comfort readings of the same message."""
    world = World()
    world.send(b"campus/s1/water/a", {"time": STAMPS[stated][0], metric: 1, "humidity": 40})
    assert {name for sensor, name, _, _ in world.stored if sensor == "a"} == {metric, "humidity"}
    assert world.reasons[STAMPS[stated][1]] == 2


@pytest.mark.parametrize("stated", ["1970", "2036"])
def test_comfort_readings_with_an_impossible_time_are_quarantined(stated: str) -> None:
    """They are reprocessed once the clock is known."""
    world = World()
    world.send(b"campus/s1/env/a", {"time": STAMPS[stated][0], "humidity": 40})
    assert [row for row in world.stored if row[0] == "a"] == []
    assert world.reasons[STAMPS[stated][1]] == 1


def test_a_fire_in_the_backfill_of_a_right_clock_is_late_in_either_order() -> None:
    """Six hours without the gateway; the clock was right before, also across a restart of the service."""
    for newest_first in (False, True):
        for restarted in (False, True):
            world = World()
            for _ in range(3):
                assert world.smoke(0) == []
            if restarted:
                world.restart()
            ages_s = [*range(21_600, 0, -600)]
            raised: list[tuple[str, bool, str]] = []
            world.now_ns += 21_600 * SECOND_NS
            for age_s in reversed(ages_s) if newest_first else ages_s:
                raised += world.smoke(int(age_s in {10_800, 11_400}), age_s, after_s=0.02)
            assert ("fire", True, "") in raised
            assert {late for hazard, late, _ in raised if hazard == "fire"} == {True}


def test_an_old_alarm_behind_newer_data_of_the_device_is_late() -> None:
    """The device has just sent a present reading: its clock is right."""
    world = World()
    world.smoke(0)
    assert world.smoke(1, 3 * 3_600, after_s=1) == [("fire", True, "")]


def test_an_old_alarm_of_an_unknown_clock_pages() -> None:
    """The first message of a device proves nothing about its clock."""
    assert World().smoke(1, 3 * 3_600) == [("fire", False, "clock_unknown")]


@pytest.mark.parametrize("stated", ["1970", "2000", "2036"])
def test_an_alarm_of_a_clock_that_was_just_reset_pages(stated: str) -> None:
    """The clock was right until the power failed."""
    world = World()
    for _ in range(3):
        world.smoke(0)
    at, doubt = STAMPS[stated]
    assert world.send(SMOKE, {"time": at, "smoke": 1}, after_s=60) == [("fire", False, doubt)]


def test_an_alarm_of_a_clock_that_stepped_back_over_a_silence_pages() -> None:
    """No buffer holds times older than the last message before the silence."""
    world = World()
    for _ in range(3):
        world.smoke(0)
    assert world.smoke(1, 7_200, after_s=3_600) == [("fire", False, "clock_unknown")]


def test_an_alarm_of_a_clock_that_is_an_hour_behind_at_live_pace_pages() -> None:
    """Summer time ended, or another zone was set: buffers are never sent at the pace of their measurements."""
    world = World()
    for _ in range(3):
        world.smoke(0)
    for _ in range(4):
        world.smoke(0, 3_600)
    assert world.smoke(1, 3_600) == [("fire", False, "clock_unknown")]


def test_a_clock_is_right_again_after_one_present_message() -> None:
    """After a reset and a synchronisation, old times are the backfill of an outage again."""
    world = World()
    world.send(SMOKE, {"time": 7, "smoke": 0})
    assert not world.intake._doubts._right[1]
    world.smoke(0)
    assert world.smoke(1, 7_200, after_s=60) == [("fire", True, "")]


def test_a_rate_is_not_computed_from_doubtful_times() -> None:
    """Three days of a new sensor's temperatures in one second are no fire; a hot value among them is."""
    world = World()
    raised = []
    for step in range(200):
        stated_ms = (NOW_NS - 72 * HOUR_NS) // 1_000_000 + step * 600_000
        payload = {"time": stated_ms, "temperature": 18 + 12 * (step % 50) / 50}
        raised += world.send(b"campus/s1/env/t", payload, after_s=0.005)
    assert raised == []
    hot = [
        found
        for age_h in (3, 2)
        for found in world.send(
            b"campus/s1/env/t", {"time": (NOW_NS - age_h * HOUR_NS) // 1_000_000, "temperature": 95}, after_s=6
        )
    ]
    assert hot == [("fire", False, "clock_unknown")]


@settings(deadline=None, max_examples=60)
@given(
    st.one_of(
        st.integers(-(10**20), 10**20),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=30),
        st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(lambda moment: moment.isoformat() + "Z"),  # noqa: DTZ001 - the zone follows
        st.none(),
        st.booleans(),
    )
)
def test_any_stated_time_of_a_first_alarm_pages(stated: Any) -> None:
    """The first smoke alarm of a device raises a fire that is not late, with any text or number as its time."""
    raised = World().send(SMOKE, {"time": stated, "smoke": True})
    assert [(hazard, late) for hazard, late, _ in raised] == [("fire", False)]


STATES: dict[str, tuple[str, Any]] = {
    "native": ("campus/s1/smoke/a", {"smoke": True}),
    "native, 400 days old": ("campus/s1/smoke/a", {"time": NOW_NS // 1_000_000 - 400 * 86_400_000, "smoke": True}),
    "zigbee2mqtt": ("zigbee2mqtt/head", {"smoke": True, "battery": 90}),
    "zigbee2mqtt leak": ("zigbee2mqtt/leak", {"water_leak": True}),
    "shelly_gen2": ("shellyplussmoke-1/status/smoke:0", {"id": 0, "alarm": True}),
    "native gas": ("campus/s1/env/a", {"gas": True}),
    "esphome": ("hall/binary_sensor/smoke/state", b"ON"),
}


def test_a_state_of_an_announced_sensor_stands() -> None:
    """Home Assistant discovery: announcement and state are both retained."""
    world = World()
    announcement = {"device_class": "smoke", "unique_id": "hall", "state_topic": "hall/smoke", "payload_on": "ON"}
    world.send("homeassistant/binary_sensor/hall/config", announcement, flags=RETAIN)
    assert world.send("hall/smoke", b"ON", flags=RETAIN) == [("fire", False, "standing")]
    assert world.send("hall/smoke", b"ON", flags=RETAIN) == []


@pytest.mark.parametrize("state", STATES)
def test_a_life_safety_state_at_the_first_connect_stands_and_raises_once(state: str) -> None:
    """One raise with the doubt `standing`; neither the next connect nor a restart raises it again."""
    world = World()
    first = world.send(*STATES[state], flags=RETAIN)
    assert len(first) == 1
    assert first[0][1:] == (False, "standing")
    assert world.send(*STATES[state], flags=RETAIN, after_s=5) == []
    world.restart()
    assert world.send(*STATES[state], flags=RETAIN, after_s=5) == []


def test_a_standing_state_is_off_a_test_or_a_comfort_value_raises_nothing() -> None:
    """Only a present danger stands."""
    world = World()
    assert world.send(b"campus/s1/smoke/a", {"smoke": False}, flags=RETAIN) == []
    assert world.send(b"campus/s1/smoke/b", {"smoke": True, "test": True}, flags=RETAIN) == []
    assert world.send(b"campus/s1/gate/c", {"open": True}, flags=RETAIN) == []
    assert world.send(b"campus/s1/env/d", {"co2": 9_000}, flags=RETAIN) == []


@pytest.mark.parametrize(("alarm", "calm"), [({"smoke": 1}, {"smoke": 0}), ({"temperature": 95}, {"temperature": 20})])
def test_a_standing_state_clears_no_alarm(alarm: dict[str, float], calm: dict[str, float]) -> None:
    """A retained copy that is calm may be older than the live alarm: the alarm still holds for its next reading."""
    world = World()
    topic = b"campus/s1/smoke/a"
    raised = [found for _ in range(6) for found in world.send(topic, alarm, after_s=10)]
    assert {late for _, late, _ in raised} == {False}
    world.send(topic, calm, flags=RETAIN, after_s=10)
    assert world.send(topic, alarm, after_s=10) == []


def report(shared_dir: Path, name: str) -> list[dict[str, str]]:
    """Return the messages of a report from the field."""
    lines = (shared_dir / "field-reports" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.shared
def test_a_smoke_alarm_seven_seconds_after_the_start_is_an_alarm(shared_dir: Path) -> None:
    """R25-shelly-clock-not-set: an alarm at its arrival, the clock reported."""
    world = World()
    (message,) = report(shared_dir, "R25-shelly-clock-not-set")
    assert world.send(message["topic"], message["payload"].encode()) == [("fire", False, "time_past")]
    assert world.reasons["time_past"] == 1


@pytest.mark.shared
def test_stamps_in_other_units_are_recognised(shared_dir: Path) -> None:
    """R36-stamps-in-other-units: seconds, microseconds, milliseconds and a local time are one moment."""
    world = World()
    for message in report(shared_dir, "R36-stamps-in-other-units"):
        world.send(message["topic"], message["payload"].encode())
    assert [at for sensor, _, at, _ in world.stored if sensor == "a"] == [NOW_NS] * 4


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 3), st.sampled_from([-86_400 * 9, -7_200, -700, -5, 0, 90, 500])),
        min_size=1,
        max_size=30,
    )
)
def test_rows_of_a_batch_are_as_one_at_a_time(rows: list[tuple[int, int, int]]) -> None:
    """Runs of old times are evaluated together; the reasons and the clocks are those of single rows."""
    whole, single = Doubts(), Doubts()
    sensor = np.array([one[0] for one in rows], np.int32)
    arrival = NOW_NS + 60_000_000_000 * np.sort(np.array([one[1] for one in rows], np.int64))
    stated = arrival + 1_000_000_000 * np.array([one[2] for one in rows], np.int64)
    past_ns = 86_400_000_000_000
    found = whole._reasons(np.arange(len(rows)), sensor, stated, arrival, past_ns)
    wanted = {}
    for item in range(len(rows)):
        reason = single._reason(int(sensor[item]), int(stated[item]), int(arrival[item]), past_ns)
        if reason:
            wanted[item] = reason
    assert found == wanted
    for name in ("_right", "_time", "_arrival"):
        assert np.array_equal(getattr(whole, name), getattr(single, name))
