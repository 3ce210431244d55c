"""Qualification of the running rules, for the console."""

from __future__ import annotations

from pathlib import Path

from detectors import Gate, ScoreSheet, load_recipe, rule_digest
from twinward.detection.qualified import Qualifications, qualifications
from twinward.heads.sheet_folder import SHEETS


def test_figures_of_a_sheet_have_their_bounds() -> None:
    """Stage, bounds, lead times; another rule without a sheet has neither figures nor lead times."""
    recipe = load_recipe()
    rule = next(rule for rule in recipe.rules if rule.name == "smoke")
    counts = {"windows": 10, "found": 7, "sensor_weeks": 2.0, "false_pages": 1, "nuisances": 4, "nuisances_paged": 0}
    made = {"version": "1", "made": "2026-11-29", "data": ("S1",), "data_digest": "0" * 16}
    sheet = ScoreSheet(
        rule="smoke", type="threshold", digest=rule_digest(rule), lead_p50_s=600.0, lead_p10_s=60.0, **counts, **made
    )
    found = qualifications(recipe, Gate([sheet]))
    smoke = found["smoke"]
    assert (smoke.stage, smoke.established, smoke.lead) == ("paging", True, (600.0, 60.0, 7))
    figures = {figure["name"]: (figure["value"], figure["goal"], figure["passed"]) for figure in smoke.sheet}
    assert figures == {
        "windows": (10, ">= 3", True),
        "recall": (0.7, ">= 0.5", True),
        "sensor_weeks": (2.0, ">= 0.2", True),
        "false_per_week": (0.5, "<= 0.1", False),
        "nuisances_paged": (0, "<= 0", True),
    }
    assert found["water_depth_forecast"].lead == (1249, 316, 534)
    assert (found["gate_held_open"].sheet, found["gate_held_open"].lead) == ((), None)


def test_sheets_are_read_again_after_a_change(tmp_path: Path) -> None:
    """Unchanged folders are read once."""
    recipe = load_recipe()
    rules = Qualifications(lambda: recipe, tmp_path)
    first = rules.by_rule()
    assert rules.by_rule() is first
    (tmp_path / SHEETS).mkdir()
    assert rules.by_rule() is not first
    assert rules.by_rule() == first
