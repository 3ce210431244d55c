"""Command `train`: a model of stored readings; impossible requests are one error line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from detectors.recipes.trained import BEFORE, read_model
from ingest import COLUMNS, Catalog, from_columns
from tests.twinward.stored import store_readings
from twinward.cli import app
from twinward.errors import TwinwardError

START_NS = 1_788_220_800_000_000_000
STEPS = 400
SPAN = ("--from", "2026-09-01T00:00:00+00:00", "--to", "2026-09-02T00:00:00+00:00")
PUMP = ("train", "--site", "s1", "--sensor", "pump", *SPAN)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a data folder with 400 minutes of a pump: flow, a current that follows it, and a state."""
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("TWINWARD_DATA_DIR", str(data))
    catalog, random = Catalog(), np.random.default_rng(2)
    codes = [catalog.metric(name).code for name in ("flow_rate", "motor_current", "open")]
    flow = random.normal(30, 3, STEPS)
    values = np.stack([flow, 2 * flow + random.normal(0, 0.1, STEPS), np.ones(STEPS)], axis=1)
    times = START_NS + np.repeat(np.arange(STEPS), 3) * 60_000_000_000
    columns = {
        "sensor": np.full(3 * STEPS, catalog.code("s1", "pump", "device")),
        "metric": np.tile(codes, STEPS),
        "time_ns": times,
        "arrival_ns": times,
        "value": values.ravel(),
        "quality": np.zeros(3 * STEPS),
    }
    batch = from_columns({name: columns[name].astype(dtype) for name, dtype in COLUMNS})
    store_readings(data, batch, catalog, now_ns=START_NS)
    return data


def run(*words: str) -> Any:
    """Return the JSON output of a command; raise its error."""
    done = CliRunner().invoke(app, [*words, "--json"])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.usefixtures("home")
def test_a_model_is_written_and_the_one_before_is_kept(tmp_path: Path) -> None:
    """The state is no channel; a second run with another method keeps the first model beside it."""
    output = tmp_path / "pump.model"
    facts = run(*PUMP, "--output", str(output))
    assert (facts["channels"], facts["steps"], facts["before"]) == (2, STEPS, "")
    first = read_model(output)
    assert first.channels == [("pump", "flow_rate"), ("pump", "motor_current")]
    assert (first.digest, first.content["inputs"]) == (facts["digest"], facts["inputs"])
    assert run(*PUMP, "--output", str(output), "--method", "forest")["before"] == f"{output}{BEFORE}"
    assert read_model(output.with_name(output.name + BEFORE)) == first
    assert read_model(output) != first


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--sensor", "valve"), "has no sensor valve"),
        (("--metric", "flow_rate"), "allowed are 2 to 64"),
        (("--method", "net"), "allowed is one of subspace, forest"),
        (("--step", "3600"), "needed are 200"),
        (("--to", "2026-08-01T00:00:00+00:00"), "--from must be before --to"),
    ],
)
def test_impossible_requests_are_errors(words: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    """Nothing is written."""
    output = tmp_path / "pump.model"
    with pytest.raises(TwinwardError, match=sentence):
        run(*PUMP, "--output", str(output), *words)
    assert not output.exists()
