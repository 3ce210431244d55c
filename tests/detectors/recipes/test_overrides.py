"""Overrides of a site: further rules beside the recipe, and no end of a page without a sheet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors import Gate, Recipe, RecipeError, Stage, load_recipe, rule_digest
from detectors.proof.gate import shipped
from detectors.recipes.kinds import LevelRule
from detectors.recipes.overrides import SUFFIX
from detectors.recipes.recipe import settled
from detectors.recipes.safety import completed, safety_faults
from tests.detectors.test_gate import good_sheet

TEXTS = {"reason": "the pond has no overflow", "author": "li.wei"}


def toml(entries: list[dict[str, Any]]) -> str:
    """Return a file of overrides."""
    lines = []
    for entry in entries:
        lines += ["[[override]]", *(f"{key} = {json.dumps(value)}" for key, value in entry.items())]
    return "\n".join(lines) + "\n"


def one(rule: str, parameter: str, value: Any, **texts: str) -> dict[str, Any]:
    """Return one override."""
    return {"rule": rule, "parameter": parameter, "value": value} | TEXTS | texts


def loaded(folder: Path, *entries: dict[str, Any]) -> Recipe:
    """Return the shipped recipe with these overrides."""
    path = folder / "overrides.toml"
    path.write_text(toml(list(entries)), encoding="utf-8")
    return load_recipe(overrides=path)


def running(recipe: Recipe, gate: Gate) -> Recipe:
    """Return the recipe as the gate lets it run."""
    return settled(recipe, pages=gate.pages, proven=gate.proven)


def test_a_changed_rule_runs_beside_its_rule_in_probation(tmp_path: Path) -> None:
    """The shipped rule stays equal and keeps paging; all parameters of one rule change together."""
    recipe = loaded(
        tmp_path, one("heat", "limits", [40.0]), one("heat", "clear_s", 5), one("gas_level", "counts", [1, 1, 1])
    )
    found = {rule.name: rule for rule in running(recipe, Gate()).rules}
    assert found["heat"] == shipped()["heat"]
    changed = found["heat" + SUFFIX]
    assert isinstance(changed, LevelRule)
    assert (changed.limits, changed.clear_s) == ((40.0,), 5.0)
    assert (Gate().standing(found["heat"]).stage, Gate().standing(changed).stage) == (Stage.PAGING, Stage.PROBATION)
    first = recipe.overrides[0]
    assert (first.rule, first.parameter, first.author) == ("heat", "limits", "li.wei")
    assert len(found) == len(load_recipe().rules) + 2


def test_a_changed_rule_with_a_sheet_replaces_its_rule(tmp_path: Path) -> None:
    """So does a change of a rule that pages nobody; a demotion brings the shipped rule back."""
    recipe = loaded(tmp_path, one("heat", "limits", [40.0]), one("wind", "clear_s", 5))
    changed = next(rule for rule in recipe.rules if rule.name == "heat" + SUFFIX)
    names = {rule.name for rule in running(recipe, Gate([good_sheet(changed)])).rules}
    assert "heat" not in names
    assert {"heat" + SUFFIX, "wind" + SUFFIX} <= names
    again = running(recipe, Gate([good_sheet(changed)], demoted=[rule_digest(changed)]))
    assert {"heat", "heat" + SUFFIX} <= {rule.name for rule in again.rules}


def test_all_errors_are_reported_at_once(tmp_path: Path) -> None:
    """Unknown rules and parameters, missing texts, doubles, values out of bounds; file and rule are named."""
    bad = [
        one("nothing", "limits", [1]),
        one("heat", "colour", 1),
        one("heat", "limits", [3, 1]),
        one("smoke", "name", "other"),
        one("gas_level", "clear_s", -1, reason=" "),
        one("gas_level", "hysteresis", -5),
        one("wind", "hysteresis", 1),
        one("wind", "hysteresis", 2),
        {"rule": "heat", "parameter": "clear_s"},
    ]
    with pytest.raises(RecipeError) as raised:
        loaded(tmp_path, *bad)
    text = str(raised.value)
    for sentence in (
        "rule 'nothing': allowed is one of smoke",
        "override of rule heat.colour: unknown key",
        "other than name, type, hazard",
        "reason: allowed is a text",
        "override of rule gas_level.hysteresis",
        "the parameter is used twice",
        "author: missing",
        "value: missing",
    ):
        assert sentence in text, text
    assert all(line.startswith(str(tmp_path)) for line in raised.value.faults)


PARAMETERS = {
    "limits": [[1.0], [0.5, 9.0], [1e9], [], [5.0, 10.0, 20.0]], "levels": [[0], [2], [1, 2, 3]], "pages": [[], [3]],
    "durations_s": [[0], [31_000_000.0]], "counts": [[1], [9_999]], "kinds": [["env"], ["camera"]], "clear_s": [0, 9e6],
    "profiles": [["kitchen"], ["none"]], "not_profiles": [[""], ["kitchen"]], "unless": [["temperature"], ["smoke"]],
    "hysteresis": [0.0, 1e6], "falling": [True], "above_low": [1e6], "sensor_limits": [False], "labels": [["cat"]],
    "min_count": [10_000], "window_s": [1.0], "score_min": [1.0],
}  # fmt: skip
CHANGES = st.sampled_from(sorted(PARAMETERS)).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(PARAMETERS[name]))
)
NAMES = st.sampled_from([rule.name for rule in load_recipe().rules])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(NAMES, CHANGES), min_size=1, max_size=6),
    proven=st.booleans(),
)
def test_no_combination_suppresses_an_alarm(
    tmp_path: Path, changes: list[tuple[str, tuple[str, Any]]], *, proven: bool
) -> None:
    """A combination is refused with its errors, or every rule that pages keeps its settings and its page.

    With a score sheet for each changed rule, states of life safety still page, or the combination is refused.
    """
    entries = {(rule, name): one(rule, name, value) for rule, (name, value) in changes}
    try:
        recipe = loaded(tmp_path, *entries.values())
    except RecipeError:
        return  # refused
    added = [rule for rule in recipe.rules if rule.name.endswith(SUFFIX)]
    gate = Gate([good_sheet(rule) for rule in added] if proven else [])
    before = load_recipe()
    after = running(recipe, gate)
    faults = list(safety_faults(after, before))
    if proven:
        kept = completed(after, before)
        assert faults or not list(safety_faults(kept, before))
        return
    assert not faults
    found = {rule.name: rule for rule in after.rules}
    for rule in before.rules:
        if gate.standing(rule).stage is Stage.PAGING and set(rule.levels) & set(rule.pages):
            assert found[rule.name] == rule
            assert gate.standing(found[rule.name]).stage is Stage.PAGING
    assert not any(gate.proven(rule) for rule in added)
