"""Faults: effect, truth, and composition with any scenario."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulators import ScenarioInvalid, World, build_campus, compose, load_scenario, names, plan
from simulators.campus.fleet import Samples
from simulators.encode import Message
from simulators.play.player import Wire
from simulators.play.stream import Stream
from simulators.scenarios.scenario import FOLDER, read_scenario

HOUR_MS = 3_600_000
KINDS = sorted(path.stem for path in (FOLDER / "faults").glob("*.toml"))


def laid_over(fault: str, *, seed: int = 1, hours: float = 3) -> World:
    """Return a fault over some hours of the quiet day."""
    quiet = replace(load_scenario("quiet"), duration_s=hours * 3600)
    return plan(compose(quiet, [(load_scenario(fault), 0.0)]), build_campus(sensors=60, seed=seed))


def sent(world: World) -> dict[str, NDArray[np.int64]]:
    """Return the columns of all messages: device, time_ms, due_ms, seq, retain."""
    stream = Stream(world)
    parts: list[Samples] = stream.advance(world.span_ms[1])
    while stream.pending:
        parts += stream.advance(stream.end_ms)
    retain = [np.zeros(len(p), np.bool_) if p.retain is None else p.retain for p in parts]
    columns = {
        "device": np.concatenate([p.device for p in parts]).astype(np.int64),
        "time_ms": np.concatenate([p.time_ms for p in parts]),
        "due_ms": np.concatenate([p.due_ms for p in parts]),
        "seq": np.concatenate([p.seq for p in parts if p.seq is not None]),
        "retain": np.concatenate(retain).astype(np.int64),
        "nan": np.concatenate([np.isnan(p.values).any(axis=1) for p in parts]).astype(np.int64),
    }
    order = np.lexsort((columns["time_ms"], columns["due_ms"], columns["device"]))
    return {name: column[order] for name, column in columns.items()}


def test_the_list_of_faults_is_complete() -> None:
    """Each named fault applies to a scenario and is part of the truth."""
    assert len(KINDS) >= 12
    assert set(KINDS) <= set(names())
    for kind in KINDS:
        assert any(truth.must_not_page for truth in laid_over(kind, hours=2).truths()), kind


def test_loss_takes_its_share() -> None:
    """About two of a hundred messages are missing; the others are unchanged, and the sequence has gaps."""
    whole, lossy = sent(laid_over("delay")), sent(laid_over("loss"))
    assert 0.005 < 1 - len(lossy["seq"]) / len(whole["seq"]) < 0.06
    gaps = [np.diff(lossy["seq"][lossy["device"] == device]) for device in np.unique(lossy["device"])]
    assert all((gap >= 1).all() for gap in gaps)
    assert any((gap > 1).any() for gap in gaps)


def test_duplicates_are_the_same_message_later() -> None:
    """Two of a hundred arrive twice with the same number and time, 0.05 to 20 s later."""
    rows = sent(laid_over("duplicates"))
    keys = rows["device"] * 10**9 + rows["seq"]
    _, first, count = np.unique(keys, return_index=True, return_counts=True)
    assert 0.01 < (count == 2).sum() / len(count) < 0.03
    for at in first[count == 2][:200]:
        pair = np.flatnonzero(keys == keys[at])
        assert len(set(rows["time_ms"][pair].tolist())) == 1
        assert 50 <= np.ptp(rows["due_ms"][pair]) <= 20_000


def test_reorder_holds_back_and_never_sends_ahead() -> None:
    """Delays are 0 to 120 s; some messages of a device overtake others."""
    rows = sent(laid_over("reorder"))
    late = rows["due_ms"] - rows["time_ms"]
    assert 0 <= late.min() <= late.max() <= 120_000
    assert any((np.diff(rows["seq"][rows["device"] == device]) < 0).any() for device in np.unique(rows["device"]))


@pytest.mark.parametrize(("how", "sign"), [("fifo", 1), ("lifo", -1)])
def test_gateway_is_offline_then_bursts(how: str, sign: int) -> None:
    """Its devices send nothing in the gap, then everything, in either order, at the burst's rate."""
    world = laid_over("blackout")
    (fault,) = world.scenario.faults
    world = plan(
        replace(world.scenario, faults=((fault[0], replace(fault[1], on_return=how)),)),  # type: ignore[call-arg]  # a fault's
        build_campus(sensors=60),
    )
    (outage,) = world.faults
    gone, back = outage.span_ms
    rows = sent(world)
    children = np.isin(rows["device"], outage.reach.members)  # type: ignore[attr-defined]
    assert not (children & (rows["due_ms"] >= gone) & (rows["due_ms"] < back)).any()
    gap = children & (rows["time_ms"] >= gone) & (rows["time_ms"] < back)
    assert gap.sum() > 1000
    due, time_ms = rows["due_ms"][gap], rows["time_ms"][gap]
    assert due.min() == back
    assert due.max() - back == pytest.approx(gap.sum() / 200 * 1000, abs=10)
    steps = np.diff(time_ms[np.argsort(due, kind="stable")])
    assert (sign * steps >= 0).all()
    clean = sent(laid_over("delay"))
    assert len(rows["seq"]) == len(clean["seq"])


def test_clocks_are_wrong_by_the_stated_amount() -> None:
    """The errors are eight hours, 20 to 100 ppm, and 1970."""
    world = laid_over("clock-skew")
    rows = sent(world)
    smoke = np.isin(rows["device"], world.fleet.find("smoke"))
    assert set((rows["time_ms"] - rows["due_ms"])[smoke].tolist()) == {28_800_000}
    assert set((rows["time_ms"] - rows["due_ms"])[~smoke].tolist()) == {0}
    rows = sent(world := laid_over("clock-drift"))
    ppm = 1e6 * (rows["time_ms"] - rows["due_ms"]) / np.maximum(1, rows["due_ms"] - world.start_ms)
    late = rows["due_ms"] > world.start_ms + HOUR_MS
    assert 19 < ppm[late].min() < ppm[late].max() < 101
    rows = sent(laid_over("clock-jump"))
    assert 0 <= rows["time_ms"].min() < 3_600_000


def test_reboot_restarts_the_sequence_and_null_measures_nothing() -> None:
    """Sequence numbers restart at 1 after ninety seconds offline; every other pond message is empty."""
    world = laid_over("reboot")
    rows, cameras = sent(world), world.fleet.find("camera")
    at_ms = world.start_ms + HOUR_MS
    for camera in cameras[:3]:
        mine = rows["device"] == camera
        after = mine & (rows["due_ms"] >= at_ms)
        assert rows["due_ms"][after].min() >= at_ms + 90_000
        assert rows["seq"][mine & (rows["due_ms"] < at_ms)][-1] > 10
        assert rows["seq"][after][0] <= 2 + 90_000 // 60_000
    world = laid_over("null")
    rows = sent(world)
    ponds = np.isin(rows["device"], world.fleet.find("pond"))
    assert 0.4 < rows["nan"][ponds].mean() < 0.6
    assert rows["nan"][~ponds].sum() == 0


def test_ghosts_are_retained_copies_of_the_newest() -> None:
    """Every ten minutes each regular device's last message repeats, retained, with its old time and number."""
    world = laid_over("retained", hours=1)
    rows = sent(world)
    ghosts = rows["retain"] == 1
    assert set(((rows["due_ms"][ghosts] - world.start_ms) % 600_000).tolist()) == {0}
    smoke = world.fleet.find("smoke")[0]
    mine = np.flatnonzero(ghosts & (rows["device"] == smoke))
    assert len(mine) == 5
    for at in mine:
        live = (rows["device"] == smoke) & ~ghosts & (rows["due_ms"] <= rows["due_ms"][at])
        assert rows["seq"][live].max() == rows["seq"][at] or rows["due_ms"][at] - rows["time_ms"][at] <= 3_600_000


@cache
def whole(kind: str) -> tuple[World, list[Message]]:
    """Return a world with a kind of fault and its messages in one piece."""
    world = laid_over(kind, hours=2)
    return world, Wire(world).advance(world.span_ms[1])


@settings(deadline=None, max_examples=12)
@given(kind=st.sampled_from(KINDS), cuts=st.lists(st.integers(1, 2 * HOUR_MS - 1), max_size=3, unique=True))
def test_cutting_time_changes_nothing(kind: str, cuts: list[int]) -> None:
    """Delayed messages are equal for any cut of time."""
    world, expected = whole(kind)
    begin, end = world.span_ms
    wire, found = Wire(world), []
    for cut in [*sorted(cuts), end - begin]:
        found += wire.advance(begin + cut)
    assert found == expected


def test_an_event_in_the_gap_is_late() -> None:
    """In S8 the fire is undetectable before the gateway's return and must not page."""
    world = plan(load_scenario("S8"), build_campus())
    fire = next(truth for truth in world.truths() if truth.kind == "fire")
    assert fire.detectable_from_ms == world.faults[0].span_ms[1]
    assert not fire.must_page


def test_invalid_files_report_every_error_with_its_line() -> None:
    """Unknown keys, negative rates, missing zones and repeated doors each have their line or effect."""
    text = (
        'id = "X"\nname_zh = "x"\nname_en = "x"\ntext_zh = "x"\ntext_en = "x"\nrule = "x"\n'
        'start = "2026-11-03T00:00:00+08:00"\nduration_s = 60\nspeed = 3\n\n[[fault]]\nkind = "loss"\nshare = -1\n\n'
        '[[fault]]\nkind = "gateway_outage"\non_return = "maybe"\n\n[[include]]\nscenario = "S99"\n'
    )
    with pytest.raises(ScenarioInvalid) as caught:
        read_scenario(tomllib.loads(text), source="x.toml", text=text)
    places = [finding.split(":")[0] for finding in caught.value.findings]
    assert places == ["line 9", "line 13", "line 17", "line 20"]
    assert "fifo, lifo, lost" in str(caught.value)


def test_two_things_at_one_door_are_refused() -> None:
    """A door cannot be forced and propped at the same time; a fault needs a device."""
    both = compose(load_scenario("S12"), [(load_scenario("S13"), 300.0)])
    with pytest.raises(ScenarioInvalid, match="overlap at school-1/gate-east-door"):
        plan(both, build_campus())
    with pytest.raises(ScenarioInvalid, match=r"fault 1 \(stuck\): no fitting device"):
        plan(compose(load_scenario("quiet"), [(load_scenario("stuck"), 0.0)]), build_campus(sensors=2, seed=1))
