"""Command `backtest`: rules over stored readings of DuckDB and InfluxDB, in one or more processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from typer.testing import CliRunner

from ingest import COLUMNS, METRIC_BY_NAME, Catalog, StoreError, TelemetryBatch, from_columns
from ingest.stores.influxdb import InfluxStore, create_database
from tests.twinward.stored import store_readings
from twinward.cli import app
from twinward.detection import past_run
from twinward.errors import TwinwardError

START_NS = 1_788_220_800_000_000_000  # 2026-09-01T00:00:00Z
SPAN = ("--from", "2026-09-01T00:00:00+00:00", "--to", "2026-09-02T00:00:00+00:00")
SENSORS, COUNT = 4, 600
PLAIN = """
recipe = "two heads"
[[rule]]
name = "density"
type = "threshold"
hazard = "fire"
metric = "smoke_density"
limits = [0.1, 0.3]
levels = [2, 3]
counts = [2, 1]
[[rule]]
name = "quiet"
type = "silence"
hazard = "sensor_silent"
"""
LEARNED = (
    PLAIN
    + """
[[rule]]
name = "excess"
type = "excess"
hazard = "anomaly"
levels = [1]
pages = []
"""
)


def stored(catalog: Catalog) -> TelemetryBatch:
    """Return four heads, a reading each ten seconds: the first one has smoke, the second one thin smoke."""
    codes = np.array([catalog.code("s", f"head-{n}", "smoke") for n in range(SENSORS)], np.int32)
    sensor, step = np.tile(codes, COUNT), np.repeat(np.arange(COUNT), SENSORS)
    time_ns = START_NS + step * 10_000_000_000
    peak = np.select([sensor == codes[0], sensor == codes[1]], [0.5, 0.15], 0.01)
    columns = {"sensor": sensor, "metric": np.full(len(sensor), METRIC_BY_NAME["smoke_density"].code)}
    columns |= {"time_ns": time_ns, "arrival_ns": time_ns, "quality": np.zeros(len(sensor))}
    columns["value"] = np.where((step > 300) & (step < 360), peak, 0.01)
    return from_columns({name: columns[name].astype(dtype) for name, dtype in COLUMNS})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a data folder with the readings in log and store, and two recipes beside it."""
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("TWINWARD_DATA_DIR", str(data))
    catalog = Catalog()
    batch = stored(catalog)
    store_readings(data, batch, catalog, now_ns=START_NS)
    for name, text in (("plain", PLAIN), ("learned", LEARNED)):
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    return tmp_path


def run(*words: str) -> Any:
    """Return the JSON output of a command; raise its error."""
    done = CliRunner().invoke(app, ["backtest", *SPAN, *words, "--json"])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def raised(result: Any) -> list[tuple[str, str, int]]:
    """Return rule, sensor and level of the raises."""
    return sorted((one["rule"], one["sensor"], one["level"]) for one in result["raised"] if one["rule"] == "density")


ALARMS = [("density", "head-0", 3), ("density", "head-1", 2)]


def test_rules_run_over_the_duckdb_store(home: Path) -> None:
    """Alarms, pages and stage of each rule; a recipe of a file counts as it is, in probation without a sheet."""
    found = run("--recipe", str(home / "plain.toml"))
    assert (found["readings"], raised(found)) == (SENSORS * COUNT, ALARMS)
    [rule] = found["rules"]
    assert (rule["rule"], rule["stage"], rule["alarms"], rule["sensors"]) == ("density", "probation", 2, 2)
    assert found["readings_per_s"] > 0
    first = next(one for one in found["raised"] if one["sensor"] == "head-0")
    assert (first["site"], first["metric"], first["page"]) == ("s", "smoke_density", True)
    assert START_NS + 3_010_000_000_000 <= first["decided_ns"] <= START_NS + 3_030_000_000_000


def test_learned_rules_run_on_all_cores_with_the_same_result(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The share of the sensors changes no alarm; each reading is counted once."""
    results = []
    for cores in (1, 2):
        monkeypatch.setattr(past_run.os, "cpu_count", lambda cores=cores: cores)
        results.append(run("--recipe", str(home / "learned.toml")))
    one, two = results
    assert (raised(one), one["readings"], one["alarms"]) == (raised(two), two["readings"], two["alarms"])
    assert raised(two) == ALARMS


def test_rules_run_over_influxdb(home: Path, influxdb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same alarms as from DuckDB, also with the shares of two processes."""
    database = f"t{uuid4().hex}"
    create_database(influxdb.url, database)
    store = InfluxStore(influxdb.url, database, api="1")
    store.write(stored(Catalog()), cursor=1)
    store.close()
    settings = {"KIND": "influxdb", "INFLUX_URL": influxdb.url, "INFLUX_DATABASE": database, "INFLUX_API": "1"}
    for name, value in settings.items():
        monkeypatch.setenv(f"TWINWARD_STORE_{name}", value)
    monkeypatch.setattr(past_run.os, "cpu_count", lambda: 2)
    for recipe in ("plain", "learned"):
        found = run("--recipe", str(home / f"{recipe}.toml"), "--plot", str(home / f"{recipe}.svg"))
        assert (found["readings"], raised(found)) == (SENSORS * COUNT, ALARMS)
        assert "head-0" in (home / f"{recipe}.svg").read_text(encoding="utf-8")


@pytest.mark.usefixtures("home")
def test_the_picture_and_the_table_show_the_alarms(home: Path) -> None:
    """The plot has the series with alarms; the table has the rule's counts and the speed."""
    picture = home / "alarms.png"
    words = ["backtest", *SPAN, "--recipe", str(home / "plain.toml"), "--plot", str(picture)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    first, head, row = done.stdout.splitlines()
    assert first.startswith(f"{SENSORS * COUNT:,} readings")
    assert head.split() == ["rule", "stage", "alarms", "pages", "sensors"]
    assert row.split() == ["density", "probation", "2", "2", "2"]


@pytest.mark.parametrize(
    ("words", "variables", "text"),
    [
        (("--to", "2026-08-01T00:00:00+00:00"), {}, "--from must be before --to"),
        (("--from", "yesterday"), {}, "--from: 'yesterday'"),
        (("--recipe", "/nothing.toml"), {}, "/nothing.toml"),
        (("--data", "/nothing"), {}, "no store at this path"),
        ((), {"TWINWARD_STORE_KIND": "memory"}, "allowed are duckdb and influxdb"),
        ((), {"TWINWARD_STORE_KIND": "influxdb", "TWINWARD_STORE_INFLUX_URL": "http://127.0.0.1:9"}, "127.0.0.1:9"),
        (("--plot", "alarms.xyz"), {}, "alarms.xyz"),
    ],
)
@pytest.mark.usefixtures("home")
def test_impossible_requests_are_one_error(
    words: tuple[str, ...], variables: dict[str, str], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spans, recipes, folders and stores that cannot be read; the message states the allowed values."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TwinwardError, match=text):
        run(*words)


def test_a_store_in_use_is_an_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store of a running service is open for writing."""
    monkeypatch.setattr(past_run, "open_history", _in_use)
    with pytest.raises(TwinwardError, match="in use"):
        run("--recipe", str(home / "plain.toml"))


def _in_use(*_: object, **__: object) -> Callable[[], None]:
    raise StoreError("in use", retry=False)
