"""Sheets of a data folder: signatures, demotions by marks of people, promotion."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detectors import Recipe, ScoreSheet, Stage, rule_digest, write_sheet
from detectors.recipes.kinds import Rule, Threshold
from ingest import Catalog
from twinward.commands import promote as command
from twinward.detection.demotion import Demotions
from twinward.detection.qualified import qualifications
from twinward.errors import InputError
from twinward.heads.sheet_folder import SheetFolder, folder_gate, keep_sheet
from twinward.settings import Settings

OWN = Threshold(name="own", hazard="fire", metric="temperature", limits=(40.0,))
DAY_NS = 86_400_000_000_000
NOW_NS = 20_000 * DAY_NS


def sheet_of(rule: Rule, **changes: Any) -> ScoreSheet:
    """Return a sheet within the bounds."""
    names = {"rule": rule.name, "type": type(rule).__name__, "digest": rule_digest(rule), "version": "1"}
    plain = {"made": "2024-09-04", "data": ("S1 seed 1",), "data_digest": "d", "nuisances_paged": 0, "found": 10}
    figures = {"windows": 10, "sensor_weeks": 100.0, "false_pages": 0, "nuisances": 5}
    return ScoreSheet(**names | plain | figures | changes)


def test_only_a_sheet_signed_by_the_installation_counts(tmp_path: Path) -> None:
    """A copied, a changed and a foreign sheet let no rule page; the kept one does, without a restart."""
    folder, elsewhere = tmp_path / "data", tmp_path / "other"
    (folder / "sheets").mkdir(parents=True)
    seen = SheetFolder(folder)
    before_ns = seen.changed_ns()
    write_sheet(sheet_of(OWN), folder / "sheets" / "own.json")
    assert seen.gate().standing(OWN).stage is Stage.PROBATION
    keep_sheet(elsewhere, sheet_of(OWN), by="x")
    (folder / "sheets" / "own.json").write_text((elsewhere / "sheets" / "own.json").read_text())
    assert seen.gate().standing(OWN).stage is Stage.PROBATION
    keep_sheet(folder, sheet_of(OWN, false_pages=900), by="x")
    path = folder / "sheets" / "own.json"
    body = json.loads(path.read_text())
    body["sheet"] = sheet_of(OWN).to_json()
    path.write_text(json.dumps(body))
    assert seen.gate().standing(OWN).stage is Stage.PROBATION
    keep_sheet(folder, sheet_of(OWN), by="x")
    assert seen.changed_ns() != before_ns
    assert seen.gate().standing(OWN).stage is Stage.PAGING
    assert qualifications(Recipe("r", (OWN,)), seen.gate())["own"].stage == "paging"


@pytest.mark.parametrize(("false", "stage"), [(0, Stage.PAGING), (1, Stage.PAGING), (40, Stage.PROBATION)])
def test_false_pages_above_the_sheet_demote(tmp_path: Path, false: int, stage: Stage) -> None:
    """Forty false pages of ten sensors in a year exceed the sheet; a new sheet ends the demotion."""
    keep_sheet(tmp_path, sheet_of(OWN), by="x")
    catalog, notes = Catalog(), list[str]()
    for number in range(10):
        catalog.code("s", f"room-{number}", "env")

    def note(kind: str, actor: str, *, site: str, subject: str, facts: dict[str, Any]) -> None:
        assert facts["false"] == false
        notes.append(f"{kind} {actor} {site}{subject}")

    demotions = Demotions(
        tmp_path, lambda: Recipe("r", (OWN,)), catalog, false_pages=lambda _rule, _since: false, note=note
    )
    for _ in range(2):
        demotions.check(NOW_NS)
    assert folder_gate(tmp_path).standing(OWN).stage is stage
    assert notes == (["detector.demoted system own"] if stage is Stage.PROBATION else [])
    keep_sheet(tmp_path, sheet_of(OWN, windows=11), by="x")
    assert folder_gate(tmp_path).standing(OWN).stage is Stage.PAGING


def test_promotion_refuses_other_settings_bounds_and_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet with a correct checksum and invented figures fails the second measurement."""
    recipe, path = tmp_path / "r.toml", tmp_path / "own.json"
    recipe.write_text('[[rule]]\nname="own"\ntype="threshold"\nhazard="fire"\nmetric="temperature"\nlimits=[40.0]\n')
    settings = Settings(data_dir=tmp_path / "data")
    again = [sheet_of(OWN, false_pages=900)]
    monkeypatch.setattr(command, "measured_sheets", lambda *_args, **_options: again)
    for sheet, text in (
        (sheet_of(replace(OWN, limits=(41.0,))), "settings"),
        (sheet_of(OWN, found=1), "recall"),
        (sheet_of(OWN), "figures differ"),
    ):
        write_sheet(sheet, path)
        with pytest.raises(InputError, match=text):
            command.promote(settings, "own", path, recipe=recipe, quiet=True)
    again[:] = [sheet_of(OWN, made="2026-01-01")]
    assert command.promote(settings, "own", path, recipe=recipe, who="li", quiet=True)["stage"] == "paging"
    assert folder_gate(tmp_path / "data").standing(OWN).stage is Stage.PAGING
