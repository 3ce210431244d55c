"""Trained models: files, scores, and the rule that reads them."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import Calendar, ModelError, Phase, Recipe, RecipeError, build, load_recipe
from detectors.learned.fitting import History, fit
from detectors.recipes.trained import BEFORE, Model, Trained, model_text, read_model
from ingest import COLUMNS, Catalog, Quality, TelemetryBatch, from_columns
from tests.detectors.histories import joined

CHANNELS = (("pump", "flow_rate"), ("pump", "motor_current"), ("tank", "temperature"))
STEP_S, BEGIN_S = 60, 1_700_000_040


def rows(count: int) -> NDArray[np.float64]:
    """Return steps of three channels: the current follows the flow."""
    source = np.random.default_rng(4)
    flow = 30 + source.normal(0, 3, count)
    return np.stack([flow, 2 * flow + source.normal(0, 0.2, count), 20 + source.normal(0, 0.5, count)], axis=1)


def trained(method: str = "subspace") -> Model:
    """Return a model of 600 steps."""
    return fit(History("s", CHANNELS, STEP_S, 0, 600 * STEP_S * 10**9, rows(600)), method)


def readings(catalog: Catalog, values: NDArray[np.float64]) -> TelemetryBatch:
    """Return a reading of each channel a step."""
    count = len(values)
    times = (BEGIN_S + STEP_S * np.repeat(np.arange(count), 3)) * 10**9
    columns = {
        "sensor": np.tile([catalog.code("s", sensor, "device") for sensor, _ in CHANNELS], count),
        "metric": np.tile([catalog.metric(metric).code for _, metric in CHANNELS], count),
        "time_ns": times,
        "arrival_ns": times,
        "value": values.ravel(),
        "quality": np.zeros(3 * count),
    }
    return from_columns({name: columns[name].astype(dtype) for name, dtype in COLUMNS})


def broken(count: int) -> NDArray[np.float64]:
    """Return steps in which the current no longer follows the flow, from step 50 to 80."""
    values = rows(count)
    values[50:80, 1] = 60 - (values[50:80, 1] - 60)
    return values


def rule(method: str = "subspace") -> Trained:
    """Return a rule with a model."""
    return Trained(name="pump", hazard="anomaly", levels=(1,), pages=(), model="pump.model", loaded=trained(method))


@pytest.mark.parametrize("method", ["subspace", "forest"])
def test_the_exported_arrays_survive_a_file(method: str, tmp_path: Path) -> None:
    """`fit` compares them with scikit-learn; the file gives the same model, whose digest is that of its content."""
    model = trained(method)
    path = tmp_path / "pump.model"
    path.write_text(model_text(model), encoding="utf-8")
    assert read_model(path) == model
    assert model == trained(method)
    assert model.content["limit"] > 0


@pytest.mark.parametrize("cases", ["cut", "altered", "foreign", "missing"])
def test_a_damaged_file_is_refused_and_the_one_before_stays(cases: str, tmp_path: Path) -> None:
    """A cut or altered file, and another version, give one line with the file; with an intact one before, none."""
    path, text = tmp_path / "pump.model", model_text(trained())
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[[rule]]\nname = "pump"\ntype = "trained"\nhazard = "anomaly"\nmodel = "pump.model"\n', "utf-8")
    damaged = {"cut": text[:400], "altered": text.replace('"rows": 600', '"rows": 601'), "foreign": '{"version": 9}'}
    if cases in damaged:
        path.write_text(damaged[cases], encoding="utf-8")
    with pytest.raises(RecipeError, match=r"rule pump\.model: .*pump\.model"):
        load_recipe(recipe)
    path.with_name(path.name + BEFORE).write_text(text, encoding="utf-8")
    (found,) = load_recipe(recipe).rules
    assert isinstance(found, Trained)
    assert found.loaded == trained()


def test_a_broken_relation_raises_and_clears() -> None:
    """Each value stays in its range; only the relation of flow and current changes."""
    catalog = Catalog()
    found = build(Recipe("any", (rule(),)), catalog, Calendar()).update(readings(catalog, broken(200)))
    assert found.phase.tolist() == [Phase.RAISE, Phase.CLEAR]
    steps = ((found.first_ns // 10**9 - BEGIN_S) // STEP_S).tolist()
    assert 49 <= steps[0] <= 56
    assert found.evidence[0]["sensors"] == ["pump", "tank"]
    assert "motor_current" in found.evidence[0]["text"]["en"] or "flow_rate" in found.evidence[0]["text"]["en"]


def test_cut_and_restart_change_nothing() -> None:
    """Batches of any length and a restart give the same detections and state; so does a copy with faults and NaN."""
    catalog = Catalog()
    batch = readings(catalog, broken(200))
    recipe = Recipe("any", (rule(),))
    whole = build(recipe, catalog, Calendar())
    expected = joined([whole.update(batch)])
    running, found = build(recipe, catalog, Calendar()), []
    for begin, end in itertools.pairwise([0, 100, 101, 331, len(batch)]):
        restarted = build(recipe, catalog, Calendar())
        if begin:
            restarted.restore(running.snapshot())
        found.append(restarted.update(batch.select(slice(begin, end))))
        running = restarted
    assert joined(found) == expected
    assert running.snapshot() == whole.snapshot()
    silent = build(recipe, catalog, Calendar())
    assert len(silent.update(replace(batch, quality=np.full(len(batch), Quality.FAULT, np.uint8)))) == 0
    assert len(silent.update(replace(batch, value=np.full(len(batch), np.nan)))) == 0


def test_another_model_starts_without_the_state() -> None:
    """The digest of the model is an input of the state."""
    catalog, one, two = Catalog(), rule(), rule("forest")
    first = build(Recipe("any", (one,)), catalog, Calendar())
    first.update(readings(catalog, broken(70)))
    second = build(Recipe("any", (two,)), catalog, Calendar())
    second.restore(first.snapshot())
    assert second.fresh_rules == ("pump",)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"rows": rows(50)}, "needed are 200"),
        ({"channels": CHANNELS[:1], "rows": rows(300)[:, :1]}, "allowed are 2 to 64"),
        ({"rows": rows(300) * (1, 1, 0)}, "constant channel tank temperature"),
    ],
)
def test_unusable_histories_are_errors(changed: dict[str, object], sentence: str) -> None:
    """Too few rows or channels, and a channel that cannot be scaled."""
    history = History("s", CHANNELS, STEP_S, 0, 1, rows(300))
    with pytest.raises(ModelError, match=sentence):
        fit(replace(history, **changed), "subspace")  # type: ignore[arg-type]


def test_an_unloaded_rule_is_refused() -> None:
    """A rule of a parsed table has no model, and a recipe cannot give one as text."""
    with pytest.raises(RecipeError, match="not loaded"):
        build(Recipe("any", (replace(rule(), loaded=None),)), Catalog(), Calendar())
    assert json.loads(model_text(trained()))["version"] == 1
