"""Edits of the recipe without a restart: accepted with the state of other rules, or refused."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from alerts import read_registry
from detectors import DetectionBatch, Recipe, Stage, rule_digest
from detectors.recipes.kinds import Rule
from detectors.recipes.overrides import SUFFIX
from detectors.recipes.recipe import DEFAULT
from twinward.detection.live_recipe import LOOK_S, LiveRecipe
from twinward.errors import ConfigError
from twinward.flow import Flow
from twinward.heads.sheet_folder import folder_gate, keep_demoted, keep_sheet
from twinward.settings import Settings
from twinward.standby.rule_watch import RuleWatch
from twinward.tables import read_tables

from .test_sheet_folder import sheet_of

NOW_NS = 1_790_000_000_000_000_000
OVERRIDE = """
[[override]]
rule = "water_level_rise"
parameter = "window_s"
value = {}
reason = "the pond fills within minutes"
author = "li.wei"
"""


class School:
    """The flow of a service over a recipe and overrides of its own, on a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.recipe, self.overrides, self.now_s = folder / "recipe.toml", folder / "overrides.toml", 0.0
        self.recipe.write_text(DEFAULT.read_text(encoding="utf-8"), encoding="utf-8")
        self.overrides.write_text("", encoding="utf-8")
        self.settings = Settings(data_dir=folder / "data", recipe=self.recipe, overrides=self.overrides)
        tables = read_tables(self.settings)
        self.flow = Flow(self.settings, replace(tables, registry=read_registry({"site": [{"id": "s"}]})), self.clock)
        self.flow.live = self.live = LiveRecipe(self.settings, tables.recipe, (), monotonic=lambda: self.now_s)
        self.intake, self.steps = self.flow.intake(), self.flow.detection()
        self.cursors = [step.stage.recover() for step in self.steps]

    def clock(self) -> int:
        """Return the time of the test."""
        return NOW_NS + round(self.now_s * 1e9)

    def edit(self, text: str) -> None:
        """Write the overrides and let two looks pass."""
        self.overrides.write_text(text, encoding="utf-8")
        os.utime(self.overrides, ns=(self.clock(), self.clock() + len(text)))
        self.settle()

    def settle(self) -> None:
        """Let two looks pass in every stage."""
        for _ in range(3):
            self.now_s += LOOK_S
            for step in self.steps:
                step.stage.idle()

    def send(self, **values: str) -> list[tuple[str, str]]:
        """Receive one message of each sensor; return rule and stage of the detections."""
        self.now_s += 10.0
        before = self.flow.detections.head()
        for sensor, body in values.items():
            kind = sensor.split("_")[0]
            self.intake.accept([(0, 0, f"campus/s/{kind}/{sensor}".encode(), body.encode())], self.clock())
        sealed = self.intake.seal(self.clock())
        assert sealed is not None
        self.flow.log.append(sealed)
        for place, step in enumerate(self.steps):
            entries: Sequence[object] = step.source.read(self.cursors[place], limit=1_000)
            if entries:
                step.stage.process(entries)
                self.cursors[place] = entries[-1].seq  # type: ignore[attr-defined]
            step.stage.idle()
        entries = self.flow.detections.read(before, limit=1_000)
        return [one for entry in entries for one in rows(entry.detections)]  # type: ignore[attr-defined]

    def rule(self, name: str) -> Rule:
        """Return a rule of the present recipe."""
        return next(rule for rule in self.live.recipe().rules if rule.name == name)


def rows(found: DetectionBatch) -> list[tuple[str, str]]:
    """Return rule and stage of each row."""
    return [(found.rule[row], str(found.evidence[row].get("stage", "paging"))) for row in range(len(found))]


@pytest.fixture
def school(tmp_path: Path) -> Iterator[School]:
    """Return a school without overrides."""
    made = School(tmp_path)
    yield made
    made.flow.close()


def test_an_edit_runs_without_a_restart_and_keeps_the_state_of_other_rules(school: School, tmp_path: Path) -> None:
    """Readings before the edit count after it: the detections are those of a school without the edit."""
    (tmp_path / "plain").mkdir()
    plain, found = School(tmp_path / "plain"), []
    for one in (school, plain):
        rows = [row for step in range(9) for row in one.send(**smoulder(step))]
        if one is school:
            one.edit(OVERRIDE.format(300))
        else:
            one.settle()
        found.append([*rows, *(row for step in range(9, 30) for row in one.send(**smoulder(step)))])
    plain.flow.close()
    assert (school.live.version, school.live.fault) == (1, "")
    names = {rule.name for rule in school.live.recipe().rules} - {rule.name for rule in plain.live.recipe().rules}
    assert names == {"water_level_rise" + SUFFIX}
    assert found[0] == found[1]
    assert {"fire_evidence", "gate_held_open"} <= {rule for rule, _ in found[0]}


def smoulder(step: int) -> dict[str, str]:
    """Return messages: smoke that rises slowly, and a gate that stays open."""
    return {"smoke_1": f'{{"smoke_density": {0.005 * step:.3f}}}', "gate_1": '{"open": true}'}


def test_an_edit_with_errors_changes_nothing_and_is_a_fault(school: School) -> None:
    """The rules before it keep running; health has the fault until the file is valid."""
    watch, before = RuleWatch(school.live, school.settings.data_dir), school.live.recipe()
    assert watch.look(0.0) == {}
    school.edit(OVERRIDE.format(-5))
    assert "override of rule water_level_rise.window_s = -5" in school.live.fault
    assert (school.live.recipe(), school.live.version) == (before, 0)
    assert watch.look(2.0)["recipe"].code == "recipe_refused"
    assert school.send(smoke_1='{"smoke": true}')[0] == ("smoke", "paging")
    with pytest.raises(ConfigError, match="window_s"):
        read_tables(school.settings)
    school.edit(OVERRIDE.format(300))
    assert (school.live.fault, school.live.version, watch.look(4.0)) == ("", 1, {})


def test_a_recipe_that_would_suppress_smoke_is_refused(school: School) -> None:
    """An edited recipe file may not take the page from a state of life safety."""
    text = school.recipe.read_text(encoding="utf-8")
    bad = text.replace('name = "smoke"\ntype = "threshold"', 'name = "smoke"\npages = []\ntype = "threshold"', 1)
    assert bad != text
    school.recipe.write_text(bad, encoding="utf-8")
    school.settle()
    assert "no rule pages for smoke = 1" in school.live.fault
    assert school.send(smoke_1='{"smoke": true}')[0] == ("smoke", "paging")


def test_a_sheet_and_a_demotion_act_at_once_and_are_seen(school: School) -> None:
    """With a sheet the changed rule replaces its rule; demoted, it is shown beside it, and people see the fault."""
    school.edit(OVERRIDE.format(300))
    changed = school.rule("water_level_rise" + SUFFIX)
    names = lambda: {rule.name for rule in school.live.recipe().rules}  # noqa: E731 - of the present recipe
    assert "water_level_rise" not in names(), "a rule without pages is replaced at once"
    keep_sheet(school.settings.data_dir, sheet_of(changed), by="li.wei")
    assert folder_gate(school.settings.data_dir).standing(changed).stage is Stage.PAGING
    watch = RuleWatch(school.live, school.settings.data_dir)
    assert watch.look(0.0) == {}
    keep_demoted(school.settings.data_dir, [rule_digest(changed)])
    [(part, cause)] = watch.look(5.0).items()
    assert (part, cause.code) == ("detectors", "rule_demoted")
    assert changed.name in cause.en
    assert changed.name in cause.zh
    keep_sheet(school.settings.data_dir, sheet_of(changed, windows=11), by="li.wei")
    assert watch.look(10.0) == {}


def test_the_running_recipe_has_reason_and_author_of_each_override(school: School) -> None:
    """Health shows their number."""
    school.edit(OVERRIDE.format(300))
    found: Recipe = school.live.recipe()
    assert [(one.rule, one.parameter, one.value, one.author) for one in found.overrides] == [
        ("water_level_rise", "window_s", 300, "li.wei")
    ]
