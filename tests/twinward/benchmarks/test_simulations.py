"""Simulations of the qualification in a small form: their truth, and the figures of both methods."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from twinward.benchmarks import (
    cameras,
    door_counts,
    floods,
    fusion,
    gate_flow,
    gates,
    gauges,
    nuisances,
    quiet,
    street_fit,
)
from twinward.benchmarks.goals import Measured

Small = Callable[..., dict[str, Measured]]
"""Measures a module with other constants; returns the figures by name."""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Small:
    """Return the figures of a simulation with these constants."""

    def run(module: ModuleType, **constants: object) -> dict[str, Measured]:
        for name, value in constants.items():
            monkeypatch.setattr(module, name, value)
        return {row.goal.name: row for row in module.measure() if isinstance(row, Measured)}

    return run


def figures(rows: dict[str, Measured], *goals: str) -> list[tuple[float, float]]:
    """Return our figure and the baseline's of the goals whose names begin so."""
    found = [next(row for name, row in rows.items() if name.startswith(goal)) for goal in goals]
    assert all(row.ours is not None and row.baseline is not None and row.cases for row in found)
    return [(row.ours or 0.0, row.baseline or 0.0) for row in found]


def test_nuisances_page_less_than_a_limit_and_a_fire_pages_in_time(small: Small) -> None:
    """The plain limit pages for steam and sprays; one of three heads has a fire."""
    week_s = nuisances.WEEK_S
    rows = small(nuisances, HEADS=3, TOGETHER=3, WEEKS=1, FIRE_S=week_s - nuisances.DAY_S / 2)
    (false, plain), (found, _) = figures(rows, "simulated nuisances", "simulated fires")
    assert false < plain
    assert found == 100


@pytest.mark.parametrize("number", [0, 3])
def test_a_simulated_fire_reaches_its_limit_before_the_deadline(number: int) -> None:
    """The smoke, with the dust of the head, crosses 0.15 dB/m between the begin and the grace before the deadline."""
    head = nuisances.simulated(number)
    assert head.fire is not None
    begin_s, deadline_s = head.fire
    inside = (head.times >= begin_s) & (head.values[:, 0] >= nuisances.LIMIT_DB_M)
    assert begin_s < head.times[inside][0] <= deadline_s - nuisances.GRACE_S + nuisances.STEP_S
    assert nuisances.counted(head, [begin_s - 1, begin_s + 1, deadline_s + 1]) == (1, 1)
    assert nuisances.counted(head, [deadline_s + 1]) == (0, 0)


def test_gates_have_one_event_of_each_kind_a_week(small: Small) -> None:
    """Every event is found without a false finding; the baseline takes pairs and slow people for events."""
    rows = small(gates, GATES=3, WEEKS=1)
    (recall, _), (false, plain) = figures(rows, "gates, worst recall", "gates, false")
    events = gates.simulated().events
    assert sorted(event.hazard for event in events) == sorted(gates.HAZARDS * 3)
    assert recall == 100
    assert false <= plain


def test_fused_rooms_have_fewer_false_alarms_than_one_source(small: Small) -> None:
    """At equal recall, camera and smoke head together have no more false alarms than the better one alone."""
    rows = small(fusion, ROOMS=24, FIRES=6)
    ((gain, alone),) = figures(rows, "fusion of camera")
    assert gain >= alone == 1


def test_faults_of_a_gauge_are_found(small: Small) -> None:
    """The faults of a gauge lie apart from each other. Most are found, with fewer false ones than by changes."""
    rows = small(gauges, SEEDS=range(200, 202), STEPS_S=(3_600.0,))
    (recall, plain), (false, plain_false) = figures(rows, "river gauge faults, recall", "river gauge faults, false")
    assert recall >= max(80, plain)
    assert false <= plain_false
    faults = gauges.with_faults(200, 3_600.0).faults
    assert len(faults) == gauges.FAULTS
    assert all(end <= begin for (_, end), (begin, _) in pairwise(faults))


def test_event_days_of_doors_are_found(small: Small) -> None:
    """Recall and precision are shares; the detector is more precise than the sum of a slot."""
    rows = small(door_counts, BUILDINGS=2)
    names = ("door counts, event days found", "door counts, event days among", "door counts, false days")
    (recall, _), (precision, plain), (false, plain_false) = figures(rows, *names)
    assert 50 <= recall <= 100
    assert plain <= precision <= 100
    assert false <= plain_false


def test_cost_memory_and_rate_of_the_general_recipe_are_measured(small: Small) -> None:
    """The state of a series stays below its bound; quiet series alarm about as often as requested."""
    rows = small(quiet, SENSORS=6, BATCHES=4, DAYS=30)
    cost, dearest, memory, rate = (row.ours or 0.0 for row in rows.values())
    assert min(cost, dearest) > 0
    assert 0 < memory < quiet.MEMORY.extreme
    assert 1 <= rate < 10


def activities(folder: Path, events: Sequence[tuple[str, int, int]]) -> Path:
    """Write activities of one camera, of an hour each clip. events: activity, first and last second."""

    def clock(second: int) -> str:
        return f"2018-03-05T{10 + second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"

    def packed(name: str, lines: Sequence[str]) -> None:
        (folder / name).write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))

    rows = [f"bus,G1,2018-03-05,{name},{clock(begin)},{clock(end)}" for name, begin, end in events]
    packed("events.csv.gz", ["site,camera,date,activity,start,end", *rows])
    packed("clips.csv.gz", ["clip_start,clip_end", f"{clock(0)},{clock(3_600)}"])
    return folder


def test_camera_events_give_thefts_and_persons_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One theft among passages is found. Without losses the sum is exact; the detector adds the usual loss."""
    coming = [("person_enters_scene_through_structure", 30 * at, 30 * at + 5) for at in range(1, 61)]
    leaving = [("person_exits_scene_through_structure", 30 * at + 12, 30 * at + 16) for at in range(5, 45)]
    folder = activities(tmp_path, [*coming, *leaving, ("person_steals_object", 900, 930)])
    for name, value in {"RUNS": 1, "LOST": 0.0, "DOUBLED": 0.0, "REORDER_S": 1e-6, "SKEW_S": 0.0}.items():
        monkeypatch.setattr(gate_flow, name, value)
    rows = {row.goal.name: row for row in cameras.measure(folder)}
    (found, plain), (error, plain_error) = figures(rows, "MEVA, thefts", "gate flow")
    assert (found, plain) == (100, 100)
    assert plain_error == 0
    assert error == pytest.approx(100 * (20 / 0.8 - 20) / 60)  # 20 persons inside after 60 enters


def test_lost_and_doubled_events_have_their_shares() -> None:
    """Of 4,000 events about 20 % are lost and 5 % of the rest come twice, each within 60 s and 2 s of skew."""
    true = [gate_flow.Passage("p", f"c{at % 5}", float(at), 1, str(at)) for at in range(4_000)]
    given = gate_flow.degraded(true, np.random.default_rng(1))
    kept = {one.track for one in given}
    assert abs(len(kept) / len(true) - 0.8) < 0.03
    assert abs(len(given) / len(kept) - 1.05) < 0.02
    assert max(abs(one.time_s - float(one.track)) for one in given) <= gate_flow.SKEW_S


def test_models_of_street_floods_recover_known_lines() -> None:
    """A regression finds the coefficients of its own data; a logistic one the sign and order of its slopes."""
    draw = np.random.default_rng(3)
    x = draw.normal(size=(4_000, 2))
    found = street_fit.ridge(x, x @ [2.0, -1.0] + 3)
    assert found == pytest.approx([2, -1, 3], abs=0.05)
    share = 1 / (1 + np.exp(-(x @ [1.5, -0.5] + 0.2)))
    belief = street_fit.logistic(x, (draw.random(4_000) < share).astype(float))
    assert belief == pytest.approx([1.5, -0.5, 0.2], abs=0.2)


def test_samples_of_an_episode_end_at_its_limit() -> None:
    """Before a crossing the seconds until it are positive and fall; an episode below the limit never reaches it."""
    times = np.arange(0, 3_600, 30.0).tolist()
    rising = floods.Episode("a", 0.0, times, np.minimum(np.arange(120) / 4, 25.0).tolist())
    features, seconds, gains = street_fit.samples([rising])
    assert len(features) == len(seconds) == len(gains)
    assert np.isfinite(features).all()
    assert (seconds > 0).all()
    low = floods.Episode("b", 0.0, times, [1.0] * 120)
    assert np.isinf(street_fit.samples([low])[1]).all()
