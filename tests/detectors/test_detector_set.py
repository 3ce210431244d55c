"""Detector set: snapshots keep the state of each rule on its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import Calendar, DetectionBatch, DetectorSet, Phase, Recipe, StateError, build, load_recipe
from detectors.recipes.cameras import Charging, Loiter, QuietCamera
from detectors.recipes.fusion import Fusion
from detectors.recipes.kinds import AfterHours, Battery, Forced, Rule, Silence, Threshold
from detectors.recipes.traffic import UnusualCount
from detectors.snapshot import decode_snapshot, encode_snapshot
from ingest import TelemetryBatch

from .histories import DEFAULT, campus, histories, joined, readings, thorough

RULES = {rule.name: rule for rule in DEFAULT.rules}
SILENCE_RULES = {rule.name for rule in DEFAULT.rules if isinstance(rule, Silence)}


def set_of(*rules: Rule, calendar: Calendar | None = None, **changes: object) -> DetectorSet:
    """Return a set of these rules; changes: of the recipe's other fields."""
    recipe = replace(Recipe("any", tuple(rules), digest="any"), **changes)  # type: ignore[arg-type]
    return build(recipe, campus(), calendar or Calendar())


def rows_of(found: DetectionBatch, *, but: str) -> list[tuple[object, ...]]:
    """Return the detections as comparable rows, without those of one rule."""
    place = list(DetectionBatch.__slots__).index("rule")
    return [row for row in joined([found]) if row[place] != but]


def changed(rule: Rule) -> Rule:
    """Return the rule with another setting: one more excluded profile."""
    return replace(rule, not_profiles=(*rule.not_profiles, "elsewhere"))


CALENDAR = (Forced, AfterHours, Loiter, Charging, QuietCamera, UnusualCount)
"""Rule types that read the calendar."""


@st.composite
def one_rule_changes(draw: st.DrawFn) -> tuple[list[Rule], list[Rule], str]:
    """Rules before and after one of them was added, removed, changed or moved, and its name."""
    names = draw(st.lists(st.sampled_from(sorted(RULES)), min_size=1, max_size=5, unique=True))
    name = draw(st.sampled_from(names))
    rules = [RULES[each] for each in names]
    others = [rule for rule in rules if rule.name != name]
    change = draw(st.sampled_from(["add", "remove", "change"]))
    if change == "add":
        return others, rules, name
    if change == "remove":
        return rules, others, name
    return rules, draw(st.permutations([*others, changed(RULES[name])])), name


@thorough
@given(change=one_rule_changes(), batch=histories(), share=st.floats(0, 1))
def test_change_of_one_rule_keeps_the_state_of_all_others(
    change: tuple[list[Rule], list[Rule], str], batch: TelemetryBatch, share: float
) -> None:
    """The other rules detect the same as in an uninterrupted run; the changed one starts without state."""
    before, after, name = change
    cut = int(len(batch) * share)
    through, restored = set_of(*before), set_of(*after)
    through.update(batch.select(slice(0, cut)))
    restored.restore(through.snapshot())
    assert restored.fresh_rules == tuple(rule.name for rule in after if rule.name == name)
    rest = batch.select(slice(cut, None))
    assert sorted(map(str, rows_of(restored.update(rest), but=name))) == sorted(
        map(str, rows_of(through.update(rest), but=name))
    )


@thorough
@given(batch=histories(), name=st.sampled_from(sorted(set(RULES) - SILENCE_RULES)))
def test_changed_rule_starts_without_state(batch: TelemetryBatch, name: str) -> None:
    """Its state after the restore is that of a new detector; the series tables stay."""
    through, restored = set_of(RULES[name]), set_of(changed(RULES[name]))
    through.update(batch)
    restored.restore(through.snapshot())
    saved, kept = decode_snapshot(through.snapshot()), decode_snapshot(restored.snapshot())
    assert kept["tables"] == saved["tables"]
    table_only = encode_snapshot({key: saved[key] for key in saved if key != "version"} | {"rules": {}})
    empty = set_of(changed(RULES[name]))
    empty.restore(table_only)
    assert restored.snapshot() == empty.snapshot()


def test_changed_rule_raises_again_and_the_unchanged_one_does_not() -> None:
    """Smoke that lasts over the change ends and is raised again by the changed rule alone."""
    smoke, other = RULES["smoke"], replace(RULES["smoke"], name="smoke again")
    through, restored = set_of(smoke, other), set_of(changed(smoke), other)
    through.update(readings([("smoke", 1, t, t, 1, 0) for t in range(0, 30, 5)]))
    restored.restore(through.snapshot())
    found = restored.update(readings([("smoke", 1, t, t, 1, 0) for t in range(30, 60, 5)]))
    rows = [(found.rule[i], found.phase[i]) for i in range(len(found))]
    assert rows == [("smoke", Phase.CLEAR), ("smoke", Phase.RAISE)]


def test_rules_are_fresh_until_their_state_is_restored() -> None:
    """All rules of a new set are fresh, none of a restored one."""
    detector = build(DEFAULT, campus(), Calendar())
    assert detector.fresh_rules == tuple(RULES)
    saved = detector.snapshot()
    detector = build(DEFAULT, campus(), Calendar())
    detector.restore(saved)
    assert detector.fresh_rules == ()


def test_calendar_change_starts_the_rules_that_read_it_anew() -> None:
    """Opening hours and holidays are inputs of rules for closed hours only; the order of holidays has no effect."""
    days = (date(2026, 10, 1), date(2026, 10, 2), date(2027, 1, 1))
    saved = set_of(*DEFAULT.rules, calendar=Calendar(holidays=frozenset(days))).snapshot()
    same = set_of(*DEFAULT.rules, calendar=Calendar(holidays=frozenset(reversed(days))))
    other = set_of(*DEFAULT.rules, calendar=Calendar(opens=time(7)))
    same.restore(saved)
    other.restore(saved)
    assert same.fresh_rules == ()
    assert other.fresh_rules == tuple(rule.name for rule in DEFAULT.rules if isinstance(rule, CALENDAR))


def test_battery_type_change_starts_battery_rules_anew() -> None:
    """The budget of messages is an input of battery rules only."""
    saved = build(DEFAULT, campus(), Calendar()).snapshot()
    first, *rest = DEFAULT.battery_types.rows
    types = replace(DEFAULT.battery_types, rows=(replace(first, messages=(1, 2)), *rest))
    restored = build(replace(DEFAULT, battery_types=types), campus(), Calendar())
    restored.restore(saved)
    assert restored.fresh_rules == tuple(rule.name for rule in DEFAULT.rules if isinstance(rule, Battery))


def test_lateness_change_starts_all_rules_over_series_anew() -> None:
    """The limit of lateness assigns readings to timelines; offline sensors and device faults have none."""
    saved = build(DEFAULT, campus(), Calendar()).snapshot()
    restored = build(replace(DEFAULT, late_s=60.0), campus(), Calendar())
    restored.restore(saved)
    assert restored.fresh_rules == tuple(rule.name for rule in DEFAULT.rules if rule.reads or isinstance(rule, Fusion))


def test_rule_state_without_its_table_is_refused() -> None:
    """A snapshot whose parts do not fit each other raises StateError."""
    detector = set_of(RULES["smoke"])
    detector.update(readings([("smoke", 1, 0, 0, 1, 0)]))
    fields = decode_snapshot(detector.snapshot())
    version = fields.pop("version")
    assert version
    for broken in (fields | {"tables": {}}, fields | {"rules": []}, fields | {"clock": None, "sensors": "x"}):
        with pytest.raises(StateError, match="snapshot"):
            set_of(RULES["smoke"]).restore(encode_snapshot(broken))


def test_recipe_of_the_product_has_distinct_digests() -> None:
    """No two rules of the campus recipe share a digest."""
    detector = build(load_recipe(), campus(), Calendar())
    fields = decode_snapshot(detector.snapshot())
    digests = [saved["digest"] for saved in fields["rules"].values()]
    assert len(set(digests)) == len(digests) == len(detector.recipe.rules)


def test_rule_over_an_undescribed_metric_scores_it_from_its_first_reading() -> None:
    """The catalogue assigns the code after the rules are built; state and code survive a restart."""
    catalog = campus()
    rule = Threshold(name="strain", hazard="anomaly", metric="beam_strain", limits=(5.0,), clear_s=0.0)
    recipe = Recipe("any", (rule,))

    def strained(value: float, at_s: float) -> TelemetryBatch:
        batch = readings([("co", 1, at_s, at_s, value, 0)])
        return replace(batch, metric=np.full(1, catalog.metric("beam_strain").code, np.int16))

    before = build(recipe, catalog, Calendar())
    assert len(before.update(readings([("co", 1, 0.0, 0.0, 90.0, 0)]))) == 0
    (found,) = (before.update(strained(6.0, 10)),)
    assert found.evidence[0]["text"]["en"] == "beam_strain above 5.00 (now 6.00)"
    assert catalog.metric_of(int(found.metric[0])).name == "beam_strain"
    after = build(recipe, catalog, Calendar())
    after.restore(before.snapshot())
    assert after.update(strained(1.0, 20)).phase.tolist() == [Phase.CLEAR]
