"""Recipes: the campus recipe loads, an invalid one reports all faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors import RecipeError, load_recipe, read_recipe
from detectors.recipes.estimators import Context, Dspot, HalfSpaceTrees, OwnTail, PageHinkley
from detectors.recipes.trained import Trained
from detectors.recipes.types import TYPES


def test_campus_recipe_has_a_rule_of_each_type() -> None:
    """The shipped recipe covers all types but `trained`, which needs a model, and those for a site's own recipe."""
    recipe = load_recipe()
    own = {Trained, Context, Dspot, HalfSpaceTrees, OwnTail, PageHinkley}
    assert {type(rule) for rule in recipe.rules} == set(TYPES.values()) - own
    assert len({rule.name for rule in recipe.rules}) == len(recipe.rules)


def test_each_fault_names_its_key_and_the_allowed_values() -> None:
    """Unknown keys, wrong types, bounds, names and lengths are reported together."""
    with pytest.raises(RecipeError) as caught:
        read_recipe({
            "late": 5,
            "late_s": -1,
            "rule": [
                {"name": "a", "type": "treshold"},
                {"name": "b", "type": "threshold", "hazard": "fire", "metric": "smoke", "limit": [1]},
                {"name": "c", "type": "threshold", "hazard": "fire", "metric": "smoke", "limits": "1"},
                {"name": "d", "type": "threshold", "hazard": "fires", "metric": "smoke density", "limits": [2, 1]},
                {"name": "d", "type": "held", "hazard": "fire", "metric": "open", "levels": [7], "after_s": [0]},
            ],
        })  # fmt: skip
    faults = "\n".join(caught.value.faults)
    for part in (
        "late: unknown key", "late_s = -1: allowed", "rule a.type = 'treshold': allowed is one of threshold",
        "rule b.limit: unknown key", "rule c.limits = '1'", "rule d.hazard = 'fires': allowed is one of fire",
        "rule d.metric = 'smoke density': allowed", "rule d.limits: allowed is one for each level",
        "rule d.levels = 7: allowed is 0 to 3", "rule d: the name is used twice",
    ):  # fmt: skip
        assert part in faults


def test_unreadable_files_are_recipe_errors(tmp_path: Path) -> None:
    """A missing file and invalid TOML raise RecipeError with the file name."""
    broken = tmp_path / "broken.toml"
    broken.write_text("[[rule")
    for path in (broken, tmp_path / "missing.toml"):
        with pytest.raises(RecipeError, match=path.name):
            load_recipe(path)
