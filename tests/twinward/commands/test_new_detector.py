"""Skeleton of a plug-in: it keeps the contract, runs in shadow, and its errors reach no other rule."""

from __future__ import annotations

import importlib.util
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from detectors import Calendar, Gate, Recipe, Stage, build, load_recipe, rule_digest
from detectors.proof.guard import GuardedDetector
from detectors.qualification.contract import check_all, random_history
from detectors.qualification.rule_tests import check, read_tests
from detectors.recipes import plugins
from twinward.commands.new_detector import new_detector
from twinward.errors import InputError


def test_a_new_detector_keeps_the_contract_in_shadow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tests, its recipe and its rule tests hold; another version of the code has another digest."""
    made = Path(new_detector("surplus", tmp_path)["folder"])
    monkeypatch.syspath_prepend(str(made))
    entry = EntryPoint("surplus", "twinward_surplus:PLUGIN", plugins.GROUP)
    bad = EntryPoint("broken", "twinward_nothing:PLUGIN", plugins.GROUP)
    plugins.load_plugins([bad, entry])
    try:
        rule = load_recipe(made / "recipe.toml").rules[0]
        assert Gate().standing(rule).stage is Stage.SHADOW
        check_all(rule, seeds=range(2))
        recipe, tests = read_tests(made / "rule-tests.toml")
        assert [check(test, recipe).faults for test in tests] == [[]]
        before = rule_digest(rule)
        module = made / "twinward_surplus" / "__init__.py"
        module.write_text(module.read_text() + "\n# changed\n")
        plugins.load_plugins([entry])
        assert rule_digest(rule) != before
    finally:
        plugins.FOREIGN.pop("surplus", None)
        sys.modules.pop("twinward_surplus", None)


def test_a_failing_plug_in_stops_alone(tmp_path: Path) -> None:
    """An exception ends the plug-in's detections; the detector set goes on, also over a snapshot."""
    made = Path(new_detector("faulty", tmp_path)["folder"])
    spec = importlib.util.spec_from_file_location("twinward_faulty", made / "twinward_faulty" / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["twinward_faulty"] = module
    spec.loader.exec_module(module)
    plugins.register(module.PLUGIN, origin="test")
    try:
        rule = load_recipe(made / "recipe.toml").rules[0]
        catalog, batch = random_history(rule, 1)
        smoke = load_recipe().rules[0]
        whole = build(Recipe("both", (smoke, rule)), catalog, Calendar())
        guarded = whole._members[1].detector
        assert isinstance(guarded, GuardedDetector)
        guarded._inner.update = lambda *_: 1 / 0  # type: ignore[method-assign]
        assert len(whole.update(batch)) == 0
        assert "ZeroDivisionError" in guarded.failure
        again = build(Recipe("both", (smoke, rule)), catalog, Calendar())
        again.restore(whole.snapshot())
    finally:
        plugins.FOREIGN.pop("faulty", None)
        sys.modules.pop("twinward_faulty", None)


@pytest.mark.parametrize("name", ["Bad", "threshold", "a-b", ""])
def test_bad_and_taken_names_are_refused(tmp_path: Path, name: str) -> None:
    """The message names the allowed form."""
    with pytest.raises(InputError, match="allowed"):
        new_detector(name, tmp_path)
