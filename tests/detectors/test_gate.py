"""Gate before paging: a bad rule pages by no path; life-safety rules page without a sheet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import Calendar, Gate, Recipe, ScoreSheet, SheetError, Stage, build, load_recipe, rule_digest
from detectors.makers import MAKERS
from detectors.proof.gate import PLAIN, shipped, shipped_gate
from detectors.proof.score_sheets import BOUNDS, load_sheets, read_sheet, write_sheet
from detectors.qualification.meter import TruthSpan, measure, sheets
from detectors.recipes.kinds import Rule, Threshold
from detectors.recipes.plugins import FOREIGN, ORIGINS, Plugin, register
from ingest import METRIC_BY_NAME, Catalog, TelemetryBatch, from_columns

from .histories import campus, readings

LIFE_SAFETY = ("smoke", "smoke_density", "heat", "heat_alarm", "carbon_monoxide", "carbon_monoxide_alarm", "gas_alarm",
               "gas_level", "gate_forced", "water_depth", "water_level", "water_level_alarm", "panic")  # fmt: skip
BAD = Threshold(name="bad", hazard="fire", metric="temperature", limits=(-50.0,), levels=(2,), pages=(0, 1, 2, 3))
START_NS = 1_790_000_000_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Claiming(Threshold):
    """Type of a plug-in that calls itself a packaged one."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rule)

    def __hash__(self) -> int:
        return 0


CLAIMING = Plugin("claiming", Claiming, MAKERS[Threshold])
Claiming.__module__, Claiming.__qualname__ = Threshold.__module__, Threshold.__qualname__


@pytest.fixture(autouse=True, scope="module")
def claiming() -> Iterator[None]:
    """Register the plug-in for the tests of this module."""
    register(CLAIMING, origin="test 1")
    yield
    FOREIGN.pop("claiming")
    ORIGINS.pop(Claiming)


def good_sheet(rule: Rule, **changes: object) -> ScoreSheet:
    """Return a sheet within the bounds."""
    figures = {"windows": 10, "found": 10, "sensor_weeks": 100.0, "false_pages": 0, "nuisances": 5}
    names = {"rule": rule.name, "type": type(rule).__name__, "digest": rule_digest(rule), "version": "1"}
    plain = {"made": "2026-01-01", "data": ("S1 seed 1",), "data_digest": "d", "nuisances_paged": 0}
    return ScoreSheet(**names | plain | figures | changes)  # type: ignore[arg-type]


def pages(rule: Rule, gate: Gate | None = None) -> list[dict[str, object]]:
    """Return the evidence of a detection set over a hot room, with `pages` of the batch."""
    catalog = Catalog()
    count = 40
    columns = {
        "sensor": np.full(count, catalog.code("s", "room", "env"), np.int32),
        "metric": np.full(count, METRIC_BY_NAME["temperature"].code, np.int16),
        "time_ns": START_NS + np.arange(count) * 10_000_000_000,
        "arrival_ns": START_NS + np.arange(count) * 10_000_000_000,
        "value": np.full(count, 21.0),
        "quality": np.zeros(count, np.uint8),
    }
    found = build(Recipe("r", (rule,)), catalog, Calendar(), gate=gate).update(from_columns(columns))
    return [dict(found.evidence[row]) | {"pages": found.pages(row)} for row in range(len(found))]


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from([Threshold, Claiming]),
    paging=st.lists(st.integers(0, 3), max_size=4, unique=True),
    name=st.sampled_from(["bad", "smoke", "heat", "carbon_monoxide"]),
    level=st.integers(0, 3),
    sheet=st.sampled_from(["none", "other digest", "bad figures", "smoke's", "few windows", "no observation"]),
)
def test_a_bad_rule_pages_by_no_path(
    kind: type[Threshold], paging: list[int], name: str, level: int, sheet: str
) -> None:
    """Neither its settings, name, type, nor a sheet of another rule or out of bounds let it page."""
    values = {field.name: getattr(BAD, field.name) for field in fields(Threshold)}
    rule = kind(**values | {"name": name, "levels": (level,), "pages": tuple(paging)})
    given_sheets = {
        "none": [],
        "other digest": [good_sheet(rule, digest="0" * 16)],
        "bad figures": [good_sheet(rule, false_pages=1_000), good_sheet(rule, found=1)],
        "smoke's": [good_sheet(shipped()["smoke"])],
        "few windows": [good_sheet(rule, windows=1, found=1)],
        "no observation": [good_sheet(rule, sensor_weeks=0.0)],
    }[sheet]
    found = pages(rule, Gate(given_sheets))
    assert found
    assert not any(one["pages"] for one in found)
    assert {one["stage"] for one in found} <= {"shadow", "probation"}


def test_a_rule_of_an_unknown_type_runs_in_shadow() -> None:
    """A plug-in without a sheet is recorded only; one of a plain type is shown."""
    values = {field.name: getattr(BAD, field.name) for field in fields(Threshold)}
    assert Gate().standing(Claiming(**values)).stage is Stage.SHADOW
    assert Gate().standing(BAD).stage is Stage.PROBATION
    assert rule_digest(Claiming(**values)) != rule_digest(BAD)


def test_a_measured_rule_pages_with_its_sheet_attached() -> None:
    """The evidence names the sheet; a change of one setting, or a demotion, ends the pages."""
    sheet = good_sheet(BAD)
    found = pages(BAD, Gate([sheet]))
    assert [(one["pages"], one["sheet"]) for one in found] == [(True, sheet.checksum)]
    assert not pages(replace(BAD, clear_s=61.0), Gate([sheet]))[0]["pages"]
    assert pages(BAD, Gate([sheet], demoted=[sheet.digest]))[0]["stage"] == "probation"


def test_an_edited_sheet_is_refused(tmp_path: Path) -> None:
    """A changed figure, an unknown field or a cut file is a SheetError; the folder reads the others."""
    sheet = good_sheet(BAD, false_pages=50)
    write_sheet(sheet, tmp_path / "bad.json")
    write_sheet(good_sheet(BAD), tmp_path / "good.json")
    table = json.loads((tmp_path / "bad.json").read_text())
    for change in ({"false_pages": 0}, {"page": True}, {"windows": -1}, {"checksum": ""}):
        with pytest.raises(SheetError, match="allowed"):
            read_sheet(table | change)
    (tmp_path / "cut.json").write_text((tmp_path / "bad.json").read_text()[:40])
    found, faults = load_sheets(tmp_path)
    assert (len(found), len(faults)) == (2, 1)
    assert not pages(BAD, Gate([sheet]))[0]["pages"]


@pytest.mark.parametrize("name", LIFE_SAFETY)
def test_life_safety_pages_without_any_sheet(name: str) -> None:
    """No sheet, a bad sheet and a demotion leave the shipped rule paging."""
    rule = shipped()[name]
    bad = good_sheet(rule, false_pages=10_000, found=0)
    for gate in (Gate(), Gate([bad]), Gate([bad], demoted=[bad.digest])):
        assert gate.standing(rule).stage is Stage.PAGING


def test_every_plain_rule_of_the_recipe_is_established() -> None:
    """The gate changes none of today's pages; a state of a device pages with other settings too."""
    rules = [rule for rule in load_recipe().rules if type(rule) in PLAIN]
    assert {shipped_gate().standing(rule).stage for rule in rules} == {Stage.PAGING}
    assert Gate().standing(replace(shipped()["smoke"], name="own", clear_s=5.0)).established
    assert not Gate().standing(replace(shipped()["smoke"], limits=(0.0,))).established


def test_measured_figures_of_a_rule_that_always_pages_are_out_of_bounds() -> None:
    """The sheet of the bad rule has its false pages; that of a silent rule has no recall."""
    catalog, never = Catalog(), replace(BAD, name="never", limits=(900.0,))
    codes = [catalog.code("s", name, "env") for name in ("fire", "calm")]
    rows = [(code, minute) for minute in range(600) for code in codes]
    columns = {
        "sensor": np.array([code for code, _ in rows], np.int32),
        "metric": np.full(len(rows), METRIC_BY_NAME["temperature"].code, np.int16),
        "time_ns": np.array([START_NS + minute * 60_000_000_000 for _, minute in rows]),
        "value": np.full(len(rows), 21.0),
        "quality": np.zeros(len(rows), np.uint8),
    }
    batch: TelemetryBatch = from_columns(columns | {"arrival_ns": columns["time_ns"]})
    begin, end = START_NS, START_NS + 3_600_000_000_000
    truth = TruthSpan(frozenset(("fire",)), frozenset(("fire",)), begin, end, begin)
    detector = build(Recipe("r", (BAD, never)), catalog, Calendar())
    run = measure("run", (BAD, never), catalog, [(batch, detector.update(batch))], [truth])
    bad, silent = sheets((BAD, never), [run], made="2026-01-01")
    assert (bad.windows, bad.found, bad.false_pages) == (1, 1, 1)
    assert (silent.found, silent.false_pages) == (0, 0)
    assert list(BOUNDS.faults(bad))
    assert list(BOUNDS.faults(silent))


def test_early_findings_have_the_lead_times_of_their_sheet() -> None:
    """An early finding states median, tenth percentile and count; an alarm of the same rule does not."""
    rule = Threshold(name="early_co", hazard="fire", metric="co", limits=(30.0, 60.0), levels=(1, 2))
    counts = {"windows": 10, "found": 7, "sensor_weeks": 2.0, "false_pages": 0, "nuisances": 0, "nuisances_paged": 0}
    made = {"version": "1", "made": "2026-11-29", "data": ("S1",), "data_digest": "0" * 16}
    sheet = ScoreSheet(
        rule=rule.name, type="threshold", digest=rule_digest(rule), lead_p50_s=600.0, lead_p10_s=60.0, **counts, **made
    )
    catalog = campus()
    found = build(Recipe("r", (rule,)), catalog, Calendar(), gate=Gate([sheet])).update(
        readings([("co", 0, 0, 0, 40.0, 0), ("co", 0, 10, 10, 90.0, 0)])
    )
    assert found.evidence[0]["lead"] == {"median_s": 600.0, "p10_s": 60.0, "n": 7}
    assert "lead" not in found.evidence[1]
