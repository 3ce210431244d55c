"""Battery types."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from detectors import RecipeError, load_battery_types, load_recipe, read_battery_types
from ingest import Sensor


def test_own_battery_types_extend_the_shipped_ones(tmp_path: Path) -> None:
    """By id and by kind; the last match wins; other sensors keep the default."""
    path = tmp_path / "cells.toml"
    path.write_text(
        '[[cell]]\nname = "d"\nlow_v = 3.2\nfresh_v = 3.4\ndead_v = 2.9\nmessages = [1500, 2500]\n'
        'sensors = ["gauge-*"]\nkinds = ["water"]\nsource = "sheet"\n'
    )
    types = load_battery_types(path)
    names = [
        types.of(Sensor(0, *who)).name for who in (("gauge-1", "s", "env"), ("x", "s", "water"), ("x", "s", "env"))
    ]
    assert names == ["d", "d", "lithium_3v"]
    assert replace(load_recipe(), battery_types=types) != load_recipe()


def test_invalid_battery_types_report_all_faults() -> None:
    """Unknown keys, voltages in disorder, budgets, a missing source, two defaults."""
    good = {"low_v": 2.75, "fresh_v": 2.8, "dead_v": 2.54, "messages": [1, 2], "source": "x", "default": True}
    with pytest.raises(RecipeError) as caught:
        read_battery_types({"cells": [], "cell": [
            {"name": "a", **good, "volts": 3},
            {"name": "b", **good, "dead_v": 2.9},
            {"name": "c", **good, "messages": [9, 2]},
            {"name": "d", **good, "source": " ", "kinds": ["smog"]},
            {"name": "e"},
            {"name": "f", **good}, {"name": "f", **good},
        ]})  # fmt: skip
    faults = "\n".join(caught.value.faults)
    for part in (
        "cells: unknown key", "cell a.volts: unknown key", "cell b.dead_v", "cell c.messages = [9, 2]", "cell d.source",
        "cell d.kinds = 'smog'", "cell e.low_v: missing",
        "cell f: the name is used twice", "allowed is exactly one cell",
    ):  # fmt: skip
        assert part in faults
