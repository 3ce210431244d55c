"""Scenario bank: each truth follows from its signal by the rule in its file."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulators import Truth, World, build_campus, load_scenario, names, plan
from simulators.campus.effect import Stage
from simulators.models.effects import EFFECTS
from simulators.models.passages import CrowdSettings, crowd
from simulators.play.player import Wire
from simulators.play.stream import Stream

HERE = Path(__file__).resolve().parents[1]
BANK = [f"S{number}" for number in range(1, 26)]
SEEDS = (1, 2, 3)
DAY_MS = 86_400_000


def world_of(name: str, seed: int = 1) -> World:
    """Return a scenario on the drawn school."""
    return plan(load_scenario(name), build_campus(seed=seed))


def the(world: World, kind: str) -> Truth:
    """Return the first interval of a kind."""
    return next(truth for truth in world.truths() if truth.kind == kind)


def signal(world: World, sensor: str, metric: str, span_ms: tuple[int, int]) -> NDArray[np.float64]:
    """Return (time_ms, value) rows of one sensor's metric."""
    rows = []
    for part in world.frames(span_ms):
        if metric in part.metrics:
            mine = [index for index, device in enumerate(part.device) if world.fleet.devices[int(device)].id == sensor]
            rows += [(int(part.time_ms[i]), float(part.values[i, part.metrics.index(metric)])) for i in mine]
    return np.array(sorted(rows)).reshape(-1, 2)


def seen(world: World, sensor: str, span_ms: tuple[int, int]) -> list[tuple[int, Mapping[str, Any]]]:
    """Return (time_ms, label) of one camera's events."""
    found = []
    for part in world.frames(span_ms):
        for device, time_ms, label in zip(part.device.tolist(), part.time_ms.tolist(), part.labels, strict=False):
            if world.fleet.devices[device].id == sensor:
                found.append((time_ms, label))
    return sorted(found, key=lambda event: event[0])


def test_the_bank_is_complete() -> None:
    """The bank has twenty-five scenarios, each with its id."""
    assert set(BANK) <= set(names())
    assert all(load_scenario(name).id == name for name in BANK)


def test_same_seed_same_bytes_in_separate_processes() -> None:
    """Another process gives the stored hashes; another seed gives others, unless nothing is drawn."""
    run = [sys.executable, str(HERE / "hashing.py")]
    one, other = (
        json.loads(subprocess.run([*run, seed], capture_output=True, text=True, check=True, cwd=HERE.parents[1]).stdout)
        for seed in ("1", "2")
    )
    assert one == json.loads((HERE / "hashes.json").read_text())
    assert set(one) == set(BANK)
    assert not [name for name in BANK if one[name] == other[name]]


@pytest.mark.parametrize("name", BANK)
def test_intervals_are_in_order(name: str) -> None:
    """Onset <= detectable_from and onset <= harm_at; no interval must and must not page at once."""
    for truth in world_of(name).truths():
        assert truth.onset_ms <= truth.detectable_from_ms
        assert truth.onset_ms < truth.end_ms
        assert truth.harm_at_ms is None or truth.onset_ms <= truth.harm_at_ms
        assert not (truth.must_page and truth.must_not_page)
        assert 0 <= truth.expected_level <= 3
        assert set(truth.devices) <= set(truth.affected_devices)


@settings(deadline=None, max_examples=25)
@given(name=st.sampled_from([name for name in BANK if name not in ("S5", "S7", "S24")]), cut=st.integers(1, 1_199_999))
def test_cutting_time_changes_nothing(name: str, cut: int) -> None:
    """Any cut gives the same messages, faults and events included."""
    world = world_of(name)
    first = min(truth.onset_ms for truth in world.truths())
    begin = max(world.span_ms[0], first - 600_000)
    whole = Wire(world, begin_ms=begin).advance(begin + 1_200_000)
    wire = Wire(world, begin_ms=begin)
    assert wire.advance(begin + cut) + wire.advance(begin + 1_200_000) == whole


@pytest.mark.parametrize("model", sorted(EFFECTS))
def test_a_school_without_the_device_is_rejected(model: str) -> None:
    """Without a suitable device nothing is planned."""
    settings_type, planner = EFFECTS[model]
    world = world_of("quiet")
    assert planner(settings_type(zone="nowhere"), Stage(world.fleet, world.start_ms, 1, "x")) is None


@pytest.mark.parametrize("seed", SEEDS)
def test_s2_pages_thirty_seconds_after_015(seed: int) -> None:
    """Smoke passes 0.15 dB/m 30 s before harm_at; temperature rises by 5 to 20 kelvin in three minutes."""
    world = world_of("S2", seed)
    fire = the(world, "fire")
    assert fire.harm_at_ms is not None
    smoke = signal(world, fire.devices[0], "smoke_density", (fire.onset_ms, fire.end_ms))
    passed = smoke[smoke[:, 1] > 0.15 + 0.02][0, 0]
    assert abs(passed - (fire.harm_at_ms - 30_000)) <= 20_000
    warm = signal(world, fire.devices[0], "temperature", (fire.onset_ms - 60_000, fire.onset_ms + 200_000))
    assert 4.5 <= warm[-2:, 1].mean() - warm[:3, 1].mean() <= 20.5


@pytest.mark.parametrize("seed", SEEDS)
def test_s4_clouds_are_short_and_dense(seed: int) -> None:
    """Inside its interval a head measures up to 20 %/m (0.97 dB/m), outside none; steam raises the humidity."""
    world = world_of("S4", seed)
    truths = world.truths()
    assert all(10_000 <= truth.end_ms - truth.onset_ms <= 60_000 and truth.must_not_page for truth in truths)
    for truth in truths:
        smoke = signal(world, truth.devices[0], "smoke_density", (truth.onset_ms - 120_000, truth.end_ms + 120_000))
        inside = (smoke[:, 0] >= truth.onset_ms) & (smoke[:, 0] < truth.end_ms)
        assert smoke[~inside, 1].max() < 0.03
        assert inside.sum() == 0 or 0.0 < smoke[inside, 1].max() < 1.0


@pytest.mark.parametrize("seed", SEEDS)
def test_s5_zero_rises_and_noise_falls(seed: int) -> None:
    """The weekly median passes 0.05 dB/m at harm_at; the spread of the last weeks is under that of the first."""
    world = world_of("S5", seed)
    drift = the(world, "sensor_drift")

    def week(at_ms: int) -> NDArray[np.float64]:
        return signal(world, drift.devices[0], "smoke_density", (at_ms, at_ms + 7 * DAY_MS))[:, 1]

    if drift.harm_at_ms is not None:
        assert np.median(week(drift.harm_at_ms - 17 * DAY_MS)) < 0.05 < np.median(week(drift.harm_at_ms + 10 * DAY_MS))
        assert drift.harm_at_ms - drift.detectable_from_ms > 14 * DAY_MS
    first, last = week(drift.onset_ms), week(drift.end_ms - 7 * DAY_MS)
    spread = [float(np.subtract(*np.quantile(values, (0.75, 0.25)))) for values in (first, last)]
    assert spread[1] < spread[0]


def test_s6_one_value_is_constant_while_the_others_vary() -> None:
    """From onset on there is a single value; another classroom has dozens."""
    world = world_of("S6")
    stuck = the(world, "sensor_stuck")
    stream, seen_values = Stream(world), {"env-t1-101": set[float](), "env-t1-102": set[float]()}
    for part in stream.advance(world.span_ms[1]):
        if part.metrics == ("temperature", "humidity", "co2"):
            for device, at, value in zip(part.device.tolist(), part.due_ms.tolist(), part.values[:, 0], strict=True):
                sensor = world.fleet.devices[device].id
                if sensor in seen_values and at >= stuck.onset_ms:
                    seen_values[sensor].add(float(value))
    assert len(seen_values["env-t1-101"]) == 1
    assert len(seen_values["env-t1-102"]) > 20


@pytest.mark.parametrize("seed", SEEDS)
def test_s7_flag_then_thousands_of_messages_then_silence(seed: int) -> None:
    """Voltage falls under 2.75 V at the flag, 4,000 to 8,000 heartbeats follow, and nothing after harm_at."""
    world = world_of("S7", seed)
    end = the(world, "battery_low")
    assert end.harm_at_ms is not None
    sensor = end.devices[0]
    volts = signal(world, sensor, "battery_voltage", (end.onset_ms, world.span_ms[1]))
    low = signal(world, sensor, "battery_low", (end.onset_ms, world.span_ms[1]))
    assert low[low[:, 1] > 0][0, 0] == pytest.approx(end.detectable_from_ms, abs=600_000)
    assert 4_000 <= (low[:, 1] > 0).sum() <= 8_000
    assert volts[:, 0].max() < end.harm_at_ms
    assert np.median(volts[-100:, 1]) == pytest.approx(2.54, abs=0.02)
    assert not len(
        signal(world, sensor, "smoke_density", (end.harm_at_ms, min(end.harm_at_ms + DAY_MS, world.span_ms[1])))
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_s11_varies_around_the_threshold_and_bounces_in_bursts(seed: int) -> None:
    """Mean near the threshold, sd of 0.5 to 2 hystereses, lag-1 correlation of the AR(1); 5 to 50 changes a second."""
    world = world_of("S11", seed)
    flap, bounce = the(world, "fire"), the(world, "contact_bounce")
    smoke = signal(world, flap.devices[0], "smoke_density", (flap.onset_ms, flap.end_ms))[:, 1]
    assert 0.5 * 0.02 * 0.4 < smoke.std() < 2.0 * 0.02 * 1.3
    assert np.corrcoef(smoke[:-1], smoke[1:])[0, 1] == pytest.approx(0.7, abs=0.2)
    contact = signal(world, bounce.devices[0], "open", (bounce.onset_ms, bounce.onset_ms + 2_500))
    assert 9 <= len(contact) <= 102


@pytest.mark.parametrize("seed", SEEDS)
def test_s14_more_pass_than_are_granted(seed: int) -> None:
    """In the interval passages exceed grants by 30 to 90 %; second people come 0.3 to 1 s after the first."""
    world = world_of("S14", seed)
    tail = the(world, "tailgating")
    span_ms = tail.onset_ms, tail.end_ms
    grants = len(signal(world, tail.devices[0], "access_granted", span_ms))
    passed = signal(world, tail.devices[0], "people_in", span_ms)[:, 0]
    assert 1.3 < len(passed) / grants < 1.9
    gaps = np.diff(passed)
    assert ((gaps[gaps < 3_000] >= 299) & (gaps[gaps < 3_000] <= 1_001)).all()
    before = tail.onset_ms - 3_600_000, tail.onset_ms - 120_000
    assert len(signal(world, tail.devices[0], "people_in", before)) == len(
        signal(world, tail.devices[0], "open", before)[signal(world, tail.devices[0], "open", before)[:, 1] > 0]
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_s15_a_grant_at_night_and_a_card_faster_than_its_holder(seed: int) -> None:
    """The entry is between 23:00 and 05:00; one card is at two doors within half the walking time."""
    world = world_of("S15", seed)
    entry, card = the(world, "after_hours_entry"), the(world, "card_anomaly")
    hour = float(world.fleet.calendar.hour(np.array([entry.onset_ms]))[0])
    assert hour >= 23 or hour < 5
    assert len(signal(world, entry.devices[0], "access_granted", (entry.onset_ms, entry.onset_ms + 1))) == 1
    sent = [m for m in Wire(world, begin_ms=card.onset_ms).advance(card.end_ms) if b'"card"' in m.payload]
    cards = {json.loads(message.payload)["card"] for message in sent}
    assert [message.topic.rsplit("/", 1)[1] for message in sent] == list(card.devices)
    assert len(cards) == 1
    places = [next(d.xy for d in world.fleet.devices if d.id == name) for name in card.devices]
    assert (sent[1].time_ms - sent[0].time_ms) / 1000 < 0.51 * math.dist(*places) / 1.5


@pytest.mark.parametrize("seed", SEEDS)
def test_s16_density_follows_from_the_counts(seed: int) -> None:
    """Counts have 10 to 20 % of noise around people with a density over 5 per square metre from harm_at."""
    world = world_of("S16", seed)
    crush = the(world, "crowd")
    assert crush.harm_at_ms is not None
    assert crush.expected_level == 3
    (effect,) = world.effects
    people = crowd(
        CrowdSettings(**{k: getattr(load_scenario("S16").effects[0][1], k) for k in ("inflow",)}), effect.stage
    )  # type: ignore[attr-defined]
    second = (crush.harm_at_ms - crush.onset_ms) // 1000
    assert people[second - 1] / 80 < 5 <= people[second] / 80
    assert (crush.harm_at_ms - crush.detectable_from_ms) / 1000 > 30
    counted = [(at, label["count"]) for at, label in seen(world, crush.devices[0], (crush.onset_ms, crush.end_ms))]
    errors = [
        n / people[(at - crush.onset_ms) // 1000] - 1
        for at, n in counted
        if people[(at - crush.onset_ms) // 1000] > 100
    ]
    assert 0.05 < float(np.std(errors)) < 0.3


@pytest.mark.parametrize("seed", SEEDS)
def test_s17_only_the_stranger_stays(seed: int) -> None:
    """One person stays longer than 30 s, all others less; animals and shadows have other labels."""
    world = world_of("S17", seed)
    stranger = the(world, "loitering")
    events = seen(world, stranger.devices[0], world.span_ms)
    stays: dict[str, list[int]] = {}
    labels = {label["track"]: label["label"] for _, label in events}
    for at, label in events:
        stays.setdefault(label["track"], []).append(at)
    long = [t for t, times in stays.items() if labels[t] == "person" and max(times) - min(times) > 30_000]
    assert len(long) == 1
    assert min(stays[long[0]]) == stranger.onset_ms
    assert stranger.harm_at_ms == stranger.onset_ms + 30_000
    assert 3 <= sum(label in ("cat", "shadow") for label in labels.values()) <= 30


@pytest.mark.parametrize("seed", SEEDS)
def test_s19_pressure_falls_at_once_or_by_days(seed: int) -> None:
    """Burst: -20 to -60 % within a minute, and flow rises. Leak: -1 to -5 % a day."""
    world = world_of("S19", seed)
    burst, weep = the(world, "pipe_burst"), the(world, "pipe_leak")
    pressure = signal(world, burst.devices[0], "pressure", (burst.onset_ms - 600_000, burst.onset_ms + 600_000))
    before = pressure[pressure[:, 0] < burst.onset_ms][:, 1].mean()
    after = pressure[pressure[:, 0] > burst.onset_ms + 120_000][:, 1].mean()
    assert 0.17 < 1 - after / before < 0.63
    flow = signal(world, burst.devices[0], "flow", (burst.onset_ms - 60_000, burst.onset_ms + 120_000))
    assert flow[-1, 1] > flow[0, 1] + 0.005
    night = [weep.onset_ms // DAY_MS * DAY_MS + day * DAY_MS + 18 * 3_600_000 for day in (0, 3)]  # 02:00 local time
    mean = [signal(world, weep.devices[0], "pressure", (at, at + 3_600_000))[:, 1].mean() for at in night]
    assert 0.01 * 3 - 0.025 < 1 - mean[1] / mean[0] < 0.05 * 3 + 0.025


def test_s20_has_no_picture_and_no_events() -> None:
    """A blind camera sends no event; its health metrics change; harm_at is 15 minutes after the onset."""
    world = world_of("S20")
    for truth in world.truths():
        span_ms = truth.onset_ms, truth.end_ms
        assert seen(world, truth.devices[0], span_ms) == []
        assert signal(world, truth.devices[0], "scene_change", span_ms)[:, 1].min() > 30
        assert truth.harm_at_ms == truth.onset_ms + 900_000
    assert signal(world, "cam-hall", "blind", (world.truths()[0].onset_ms, world.truths()[0].end_ms))[:, 1].min() == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_s21_current_flows_from_harm_at_on(seed: int) -> None:
    """The camera detects an e-bike first; 1 to 3 A flow from harm_at on for hours, before it the lamp only."""
    world = world_of("S21", seed)
    bike = the(world, "ebike_charging")
    assert bike.harm_at_ms is not None
    camera, socket = bike.devices
    assert any(label["label"] == "ebike" for _, label in seen(world, camera, (bike.onset_ms, bike.harm_at_ms)))
    current = signal(world, socket, "current", (bike.onset_ms - 3_600_000, bike.end_ms - 7_200_000))
    assert current[current[:, 0] < bike.harm_at_ms][:, 1].max() < 0.1
    assert 0.9 < current[current[:, 0] >= bike.harm_at_ms][:, 1].min() < 3.1


def test_s22_is_isolated_until_the_end_and_due_after_an_hour() -> None:
    """The panel reports 1 throughout, 0 before; harm_at is one hour after the onset."""
    world = world_of("S22")
    zone = the(world, "panel_isolated")
    states = signal(world, "panel-main", "isolated", (zone.onset_ms - 3_600_000, zone.end_ms))
    assert set(states[states[:, 0] < zone.onset_ms][:, 1]) == {0.0}
    assert set(states[states[:, 0] >= zone.onset_ms][:, 1]) == {1.0}
    assert zone.harm_at_ms == zone.onset_ms + 3_600_000


def test_s23_contains_its_parts() -> None:
    """It has a fire, fumes, an offline gateway, and a contact with about 300 changes a minute."""
    world = world_of("S23")
    assert {truth.kind for truth in world.truths()} == {"fire", "cooking", "gateway_silent", "contact_bounce"}
    storm = the(world, "contact_bounce")
    contact = signal(world, storm.devices[0], "open", (storm.onset_ms, storm.onset_ms + 600_000))
    assert 270 <= len(contact) / 10 <= 330


def test_s25_drill_is_typed_and_the_break_in_is_not() -> None:
    """Every message of the burning room has the test mark, none of the gate; truth separates the two."""
    world = world_of("S25")
    fire, gate = the(world, "fire"), the(world, "gate_forced")
    assert (fire.drill, fire.must_page, fire.must_not_page) == (True, False, True)
    assert (gate.drill, gate.must_page) == (False, True)
    sent = Wire(world, begin_ms=fire.onset_ms).advance(fire.end_ms)
    for message in sent:
        content = json.loads(message.payload)
        if message.topic.endswith(f"/{fire.devices[0]}"):
            assert content["test"] is True
        elif message.topic.endswith("/gate-east-door"):
            assert "test" not in content
    assert any(message.topic.endswith(f"/{fire.devices[0]}") for message in sent)
