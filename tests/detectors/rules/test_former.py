"""Findings of changed and removed rules: they end, and the new version raises lasting conditions anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import Calendar, DetectionBatch, DetectorSet, Phase, Recipe, build
from detectors.recipes.kinds import Rule, Threshold
from ingest import Quality, TelemetryBatch
from tests.detectors.histories import DEFAULT, campus, histories, readings, thorough

RULES = {rule.name: rule for rule in DEFAULT.rules}
LEVEL = Threshold(name="depth", hazard="flood", metric="depth", limits=(0.3,), hysteresis=0.05, clear_s=0)
HIGHER = replace(LEVEL, limits=(0.5,))
OTHER = replace(LEVEL, name="other")


def set_of(*rules: Rule) -> DetectorSet:
    """Return a set of these rules."""
    return build(Recipe("any", rules), campus(), Calendar())


def after_edit(before: DetectorSet, *rules: Rule) -> DetectorSet:
    """Return a set of these rules with the state of another one."""
    restored = set_of(*rules)
    restored.restore(before.snapshot())
    return restored


def depths(*values: tuple[float, float], quality: Quality = Quality.GOOD, sensor: int = 0) -> TelemetryBatch:
    """Return readings of the water depth at these seconds."""
    return readings([("depth", sensor, at_s, at_s, value, int(quality)) for at_s, value in values])


def steps(found: DetectionBatch) -> list[tuple[str, Phase, str]]:
    """Return rule, phase and reason of each detection."""
    return [
        (found.rule[row], Phase(int(found.phase[row])), found.evidence[row].get("ended", ""))
        for row in range(len(found))
    ]


def test_a_changed_rule_ends_its_finding_and_raises_anew() -> None:
    """A value between both limits ends with a reason; a later one above the new limit is a raise."""
    running = set_of(LEVEL, OTHER)
    assert [one[1] for one in steps(running.update(depths((0, 0.35))))] == [Phase.RAISE, Phase.RAISE]
    edited = after_edit(running, HIGHER, OTHER)
    end = edited.update(depths((60, 0.35)))
    assert steps(end) == [("depth", Phase.CLEAR, "rule_changed")]
    assert "changed" in end.evidence[0]["text"]["en"]
    assert "已更改" in end.evidence[0]["text"]["zh"]
    assert not end.pages(0)
    assert steps(edited.update(depths((120, 0.6)))) == [("depth", Phase.RAISE, "")]
    assert steps(edited.update(depths((180, 0.1)))) == [("depth", Phase.CLEAR, ""), ("other", Phase.CLEAR, "")]


def test_a_lasting_condition_raises_again_in_the_same_reading() -> None:
    """The end comes directly before the raise, so that the hazard relapses with its page."""
    running = set_of(LEVEL)
    running.update(depths((0, 0.7)))
    found = after_edit(running, HIGHER).update(depths((60, 0.7)))
    assert steps(found) == [("depth", Phase.CLEAR, "rule_changed"), ("depth", Phase.RAISE, "")]
    assert found.first_ns[0] < found.first_ns[1]


def test_a_removed_rule_ends_its_finding() -> None:
    """A promotion removes a rule in the same way; the rule that stays keeps its own finding."""
    running = set_of(LEVEL, OTHER)
    running.update(depths((0, 0.35)))
    edited = after_edit(running, OTHER)
    found = edited.update(depths((60, 0.35), (70, 0.35)))
    assert steps(found) == [("depth", Phase.CLEAR, "rule_removed")]
    assert found.hazard == ["flood"]
    assert "removed" in found.evidence[0]["text"]["en"]


@pytest.mark.parametrize("quality", [Quality.FAULT, Quality.TEST, Quality.HISTORICAL, Quality.RETAINED])
def test_an_alarm_stays_until_a_reading_that_the_new_version_scores(quality: Quality) -> None:
    """No fault, test, past value, other sensor or other metric ends the alarm of a device that sends nothing more."""
    running = set_of(LEVEL)
    running.update(depths((0, 0.7)))
    edited = after_edit(running, HIGHER)
    assert steps(edited.update(depths((60, 0.1), quality=quality))) == []
    assert steps(edited.update(depths((61, 0.1), sensor=1))) == []
    assert steps(edited.update(readings([("battery", 0, 62, 62, 90, 0)]))) == []
    again = after_edit(after_edit(edited, LEVEL), HIGHER)  # further edits and restarts keep the end
    assert steps(again.update(depths((63, 0.1)))) == [("depth", Phase.CLEAR, "rule_changed")]
    assert steps(again.update(depths((64, 0.1)))) == []


@thorough
@given(batch=histories(), name=st.sampled_from(sorted(RULES)), share=st.floats(0, 1))
def test_unchanged_rules_end_nothing_and_the_ends_are_the_same_row_by_row(
    batch: TelemetryBatch, name: str, share: float
) -> None:
    """An end names a changed rule, ends an open detection, comes once, and needs no certain size of a batch."""
    cut = int(len(batch) * share)
    running = set_of(*DEFAULT.rules)
    running.update(batch.select(slice(0, cut)))
    rules = [replace(one, not_profiles=(*one.not_profiles, "x")) if one.name == name else one for one in DEFAULT.rules]
    whole, single = after_edit(running, *rules), after_edit(running, *rules)
    rest = batch.select(slice(cut, None))
    found = whole.update(rest)
    ended = [row for row in range(len(found)) if "ended" in found.evidence[row]]
    assert all(found.rule[row] == name and found.phase[row] == Phase.CLEAR for row in ended)
    keys = [(int(found.sensor[row]), int(found.metric[row]), str(found.evidence[row].get("timeline")),
             bool(found.drill[row])) for row in ended]  # fmt: skip
    assert len(keys) == len(set(keys))
    parts = [single.update(rest.select(np.array([row]))) for row in range(len(rest))]
    assert [line for part in parts for line in steps(part) if line[2]] == [line for line in steps(found) if line[2]]
    assert whole.snapshot() == single.snapshot()
