"""A bad rule pages by no path through the running flow; a proven one does, with its sheet attached."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alerts import read_registry
from alerts.people.access import ROUTES
from detectors import DetectionBatch, rule_digest, write_sheet
from detectors.learned.fitting import History, fit
from detectors.recipes import plugins
from detectors.recipes.recipe import DEFAULT
from detectors.recipes.trained import model_text
from twinward.commands.new_detector import new_detector
from twinward.config import load
from twinward.errors import ConfigError
from twinward.flow import Flow
from twinward.heads.sheet_folder import SHEETS, keep_demoted, keep_sheet
from twinward.settings import Settings
from twinward.tables import read_tables

from .test_sheet_folder import sheet_of

NOW_NS = 1_790_000_000_000_000_000
BAD = """
[[rule]]
name = "{name}"
type = "{type}"
hazard = "fire"
metric = "temperature"
limits = [-50]
levels = [3]
pages = [0, 1, 2, 3]
"""
"""A rule that calls every temperature a fire."""


def found(settings: Settings) -> DetectionBatch:
    """Return the detections of a flow with these settings over a room at 21 degrees."""
    tables = replace(read_tables(settings), registry=read_registry({"site": [{"id": "s"}]}))
    now_ns = [NOW_NS]
    flow = Flow(settings, tables, lambda: now_ns[0])
    try:
        intake, steps = flow.intake(), flow.detection()
        cursors = [step.stage.recover() for step in steps]
        for number in range(12):
            now_ns[0] += 10_000_000_000
            body = json.dumps({"temperature": 21.0 + number % 2, "humidity": 40.0 + number}).encode()
            intake.accept([(0, 0, b"campus/s/env/room", body)], now_ns[0])
            sealed = intake.seal(now_ns[0])
            assert sealed is not None
            flow.log.append(sealed)
            for place, step in enumerate(steps):
                entries = step.source.read(cursors[place], limit=100)
                if entries:
                    step.stage.process(entries)
                    cursors[place] = entries[-1].seq
                step.stage.idle()
        [*batches] = (entry.detections for entry in flow.detections.read(0, limit=100))
    finally:
        flow.close()
    assert batches, "the bad rule detects"
    return joined(batches)


def joined(batches: Sequence[DetectionBatch]) -> DetectionBatch:
    """Return the rows of all batches as one batch."""
    columns: dict[str, Any] = {}
    for field in fields(DetectionBatch):
        parts = [getattr(batch, field.name) for batch in batches]
        lists = isinstance(parts[0], list)
        columns[field.name] = [row for part in parts for row in part] if lists else np.concatenate(parts)
    return DetectionBatch(**columns)


def settings_of(folder: Path, recipe: str, **others: Path) -> Settings:
    """Return settings with a recipe file."""
    (folder / "recipe.toml").write_text(recipe, encoding="utf-8")
    return Settings(data_dir=folder / "data", recipe=folder / "recipe.toml", **others)


def by_recipe(folder: Path) -> Settings:
    """Name a rule in the recipe file."""
    return settings_of(folder, DEFAULT.read_text(encoding="utf-8") + BAD.format(name="bad", type="threshold"))


def by_the_name_of_a_shipped_rule(folder: Path) -> Settings:
    """Take the name of a shipped life-safety rule."""
    text = DEFAULT.read_text(encoding="utf-8").replace('name = "heat"\n', 'name = "heat_before"\n', 1)
    text = text.replace('{ rule = "heat" }', '{ rule = "heat_before" }')
    return settings_of(folder, text + BAD.format(name="heat", type="threshold"))


def by_override(folder: Path) -> Settings:
    """Change the limits of a shipped rule in the overrides."""
    path = folder / "overrides.toml"
    entries = {"limits": [-50], "levels": [3], "durations_s": [0], "counts": [1], "unless": [], "kinds": []}
    texts = [
        f'[[override]]\nrule = "heat"\nparameter = "{name}"\nvalue = {json.dumps(value)}\nreason = "r"\nauthor = "a"\n'
        for name, value in entries.items()
    ]
    path.write_text("".join(texts), encoding="utf-8")
    return settings_of(folder, DEFAULT.read_text(encoding="utf-8"), overrides=path)


def by_a_sheet_without_signature(folder: Path) -> Settings:
    """Put a sheet with a correct checksum into the data folder."""
    settings = by_recipe(folder)
    rule = next(rule for rule in read_tables(settings).recipe.rules if rule.name == "bad")
    write_sheet(sheet_of(rule), settings.data_dir / SHEETS / "bad.json")
    return settings


def by_a_sheet_of_another_installation(folder: Path) -> Settings:
    """Copy a signed sheet from another data folder."""
    settings = by_recipe(folder)
    rule = next(rule for rule in read_tables(settings).recipe.rules if rule.name == "bad")
    keep_sheet(folder / "elsewhere", sheet_of(rule), by="x")
    (settings.data_dir / SHEETS).mkdir(parents=True)
    signed = (folder / "elsewhere" / SHEETS / "bad.json").read_bytes()
    (settings.data_dir / SHEETS / "bad.json").write_bytes(signed)
    return settings


def by_a_demoted_sheet(folder: Path) -> Settings:
    """Keep the sheet of a rule that its false pages demoted."""
    settings = by_recipe(folder)
    rule = next(rule for rule in read_tables(settings).recipe.rules if rule.name == "bad")
    keep_sheet(settings.data_dir, sheet_of(rule), by="x")
    keep_demoted(settings.data_dir, [rule_digest(rule)])
    return settings


def by_model(folder: Path) -> Settings:
    """Name a trained model whose limit every step exceeds."""
    rows = np.random.default_rng(1).normal(-40, 0.01, (600, 2))
    history = History("s", (("room", "temperature"), ("room", "humidity")), 1.0, 0, 600_000_000_000, rows)
    (folder / "m.model").write_text(model_text(fit(history, "subspace")), encoding="utf-8")
    trained = '[[rule]]\nname = "model"\ntype = "trained"\nhazard = "fire"\nmodel = "m.model"\nlevels = [3]\n'
    bad = BAD.format(name="bad", type="threshold")
    return settings_of(folder, DEFAULT.read_text(encoding="utf-8") + trained + bad)


PATHS = (
    by_recipe,
    by_the_name_of_a_shipped_rule,
    by_override,
    by_a_sheet_without_signature,
    by_a_sheet_of_another_installation,
    by_a_demoted_sheet,
    by_model,
)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
def test_a_bad_rule_pages_by_no_path(path: Callable[[Path], Settings], tmp_path: Path) -> None:
    """Its detections are in the log, in shadow or in probation, and do not page."""
    rows = found(path(tmp_path))
    assert len(rows) >= 1
    assert not any(rows.pages(row) for row in range(len(rows)))
    assert {rows.evidence[row].get("stage") for row in range(len(rows))} <= {"shadow", "probation"}
    assert path is not by_model or "model" in rows.rule


def test_a_proven_rule_pages_with_its_sheet(tmp_path: Path) -> None:
    """A sheet that this installation signed lets the rule page; each record names it."""
    settings = by_recipe(tmp_path)
    rule = next(rule for rule in read_tables(settings).recipe.rules if rule.name == "bad")
    sheet = sheet_of(rule)
    keep_sheet(settings.data_dir, sheet, by="li.wei")
    rows = found(settings)
    assert [rows.rule[row] for row in range(len(rows)) if rows.pages(row)] == ["bad"]
    row = rows.rule.index("bad")
    assert rows.evidence[row]["sheet"] == sheet.checksum


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Register the plug-in of `detector new`."""
    new_detector("warm", tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "twinward-warm"))
    twinward_warm = importlib.import_module("twinward_warm")

    plugins.register(twinward_warm.PLUGIN, origin="test")
    yield
    plugins.FOREIGN.pop("warm")
    plugins.ORIGINS.pop(twinward_warm.Settings)


@pytest.mark.usefixtures("plugin")
def test_a_plug_in_pages_by_no_setting(tmp_path: Path) -> None:
    """It runs in shadow with any levels and pages of its rule."""
    shipped = DEFAULT.read_text(encoding="utf-8")
    rows = found(settings_of(tmp_path, shipped + BAD.format(name="warm", type="warm")))
    assert {rows.rule[row] for row in range(len(rows))} == {"warm"}
    assert not any(rows.pages(row) for row in range(len(rows)))
    assert {rows.evidence[row]["stage"] for row in range(len(rows))} == {"shadow"}


@pytest.mark.parametrize("name", ["TWINWARD_PAGING", "TWINWARD_RECIPE_PAGES", "TWINWARD_SHEETS", "TWINWARD_DEMOTED"])
def test_no_setting_of_the_environment_names_a_stage(name: str) -> None:
    """Variables that could grant a page do not exist."""
    with pytest.raises(ConfigError, match="no setting has this name"):
        load(Settings, None, dict(os.environ) | {name: "1"})


def test_no_endpoint_changes_a_stage() -> None:
    """The interface reads detectors and previews; no method of theirs writes."""
    wanted = [route for route in ROUTES if any(part in route for part in ("detector", "preview", "sheet", "recipe"))]
    assert wanted
    assert all(route.startswith("GET ") for route in wanted)
