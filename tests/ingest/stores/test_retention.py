"""Retention table: complete default, all errors of a user's table in one report, exact days."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import (
    KINDS,
    METRIC_BY_NAME,
    METRICS,
    HeldSpan,
    RetentionClass,
    RetentionError,
    RetentionPlan,
    load_retention,
    raw_only_plan,
)
from ingest.stores.retention import DAY_NS, step_ns


def test_the_packaged_table_names_known_metrics_and_keeps_gate_events_for_thirty_days() -> None:
    """Every named metric exists; gate events stay raw for 30 days, evidence of alarms far longer."""
    classes = load_retention()
    assert {name for one in classes for name in one.metrics} <= set(METRIC_BY_NAME)
    keep = RetentionPlan(classes, lambda sensor, metric: (KINDS[sensor], METRICS[metric].name))
    days = {
        (kind, metric.name): int(keep.raw_days(np.array([at], np.int32), np.array([code], np.int16))[0])
        for at, kind in enumerate(KINDS)
        for code, metric in enumerate(METRICS)
    }
    assert days["gate", "access_granted"] == days["gate", "people_in"] == 30
    assert days["smoke", "smoke"] == days["gate", "fault"] > 366
    assert days["env", "temperature"] == 366
    assert all(one.levels for one in classes)


WRONG = """
[[class]]
name = "Smoke!"
kinds = ["smok"]
raw_days = 0
colour = 1

[[class]]
name = "odd_steps"
raw_days = 30
levels = [{ step = "7m", days = 40 }, { step = "1h" }]

[[class]]
name = "rest"
raw_days = 1

[[class]]
name = "rest"
kinds = ["gate"]
raw_days = 30
levels = [{ step = "10m", days = 40 }, { step = "1h", days = 20 }, { step = "1m", days = 90 }]
"""


def test_every_error_is_reported_together(tmp_path: Path) -> None:
    """Errors of names, days, kinds, keys, steps and the whole table name their class."""
    path = tmp_path / "own.toml"
    path.write_text(WRONG, encoding="utf-8")
    with pytest.raises(RetentionError) as raised:
        load_retention(path)
    text = "\n".join(raised.value.errors)
    for part in (
        "class Smoke!.colour: unknown key; allowed is name, raw_days",
        "class Smoke!.name = 'Smoke!': allowed is a text of small letters",
        "class Smoke!.raw_days = 0: allowed is 1 to 36500",
        "class Smoke!.kinds = 'smok': allowed is one of smoke, gate",
        "class odd_steps.levels 1.step = '7m': allowed is a part of a day",
        "class odd_steps.levels 2.days: missing",
        "class rest.levels 2.days = 20: allowed is more than 40",
        "class rest.levels 3.step: allowed is a multiple",
        "class rest: the name is used twice",
        "class: the last class must cover every other reading",
    ):
        assert part in text
    assert all(line.startswith(str(path)) for line in raised.value.errors)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("class = 3", "class = 3: allowed is an array of tables, [[class]]"),
        ("[[class", "own.toml"),
        ("[[class]]\nname = 3", "class 3.name = 3: allowed is a text"),
        ("colour = 1", "colour: unknown key; allowed is class"),
        ("", "the last class must cover every other reading"),
    ],
)
def test_files_without_a_table_are_errors(text: str, sentence: str, tmp_path: Path) -> None:
    """Broken TOML, other keys and an empty file are errors."""
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RetentionError) as raised:
        load_retention(path)
    assert sentence in str(raised.value)
    with pytest.raises(RetentionError, match="No such file"):
        load_retention(tmp_path / "missing.toml")


def test_steps_are_read() -> None:
    """Steps from seconds to days are valid; others are not."""
    assert [step_ns(text) for text in ("10s", "1m", "1h", "1d")] == [10**10, 6 * 10**10, 3_600 * 10**9, DAY_NS]
    assert [step_ns(text) for text in ("", "m", "0m", "1w", "1.5h", "-1m")] == [None] * 6


HELD = st.lists(st.tuples(st.integers(-5, 30), st.integers(0, 10)).map(lambda at: (at[0], at[0] + at[1])), max_size=5)


@given(held=HELD, before=st.integers(-3, 30), day=st.integers(-10, 40))
def test_free_spans_exclude_holds(held: list[tuple[int, int]], before: int, day: int) -> None:
    """A day before the bound without a hold is in exactly one free span; any other day is in none."""
    rules = RetentionPlan(
        [RetentionClass("rest", 1)], lambda *_: ("", ""), held=[HeldSpan(frozenset({7}), *one) for one in held]
    )
    inside = [span for span in rules.free_spans(7, before) if span[0] <= day * DAY_NS < span[1]]
    assert len(inside) == (day < before and not any(first <= day <= last for first, last in held))
    assert rules.free_spans(8, before) == [(-(2**63), before * DAY_NS)]


def test_a_table_without_a_final_class_is_rejected() -> None:
    """Every reading must have a class."""
    with pytest.raises(ValueError, match="cover everything"):
        RetentionPlan([RetentionClass("gates", 30, kinds=frozenset({"gate"}))], lambda *_: ("", ""))
    assert raw_only_plan(3).named("was there once").name == "rest"
