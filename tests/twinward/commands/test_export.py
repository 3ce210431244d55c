"""Commands `export` and `hold`: files read back equal; impossible requests are one error line."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from typer.testing import CliRunner

from ingest import Catalog, Holds, TelemetryBatch, from_columns, load_retention
from tests.twinward.stored import store_readings
from twinward.cli import app
from twinward.commands import export as exporting
from twinward.errors import InputError, TwinwardError
from twinward.log import TelemetryLog
from twinward.retention_rules import RetentionPlanner

START_NS = 1_788_220_800_000_000_000
SPAN = ("--from", "2026-09-01T00:00:00+00:00", "--to", "2026-09-02T00:00:00+00:00")
ROWS = 1_000


def readings(catalog: Catalog) -> TelemetryBatch:
    """Return two sensors of one site and one of another, binary fractions, and many readings of one time."""
    codes = [catalog.code("s1", "烟感-1", "smoke"), catalog.code("s1", "g,1", "gate"), catalog.code("s2", "x", "smoke")]
    random = np.random.default_rng(3)
    time_ns = START_NS + np.sort(random.integers(0, 3_600, ROWS)) * 1_000_000_000
    time_ns[100:400] = time_ns[100]
    time_ns[-1] += 123_456_789
    return from_columns(
        {
            "sensor": np.array(codes, np.int32)[random.integers(0, 3, ROWS)],
            "metric": np.array((6, 40, catalog.metric("odd").code), np.int16)[random.integers(0, 3, ROWS)],
            "time_ns": time_ns,
            "arrival_ns": time_ns,
            "value": random.normal(20, 3, ROWS) / 3,
            "quality": random.integers(0, 4, ROWS).astype(np.uint8),
        }
    )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a data folder with a log and a store of some readings."""
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("TWINWARD_DATA_DIR", str(data))
    catalog = Catalog()
    batch = readings(catalog)
    store_readings(data, batch, catalog, now_ns=START_NS)
    return data


def run(*words: str) -> Any:
    """Return the JSON output of a command."""
    done = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return [json.loads(line) for line in done.output.splitlines()]


def expected(batch: TelemetryBatch, catalog: Catalog, site: str) -> list[tuple[Any, ...]]:
    """Return the expected rows of a file, by series and time."""
    rows = np.lexsort((batch.time_ns, batch.metric, batch.sensor))
    found = []
    for row in rows.tolist():
        sensor, metric = catalog[int(batch.sensor[row])], catalog.metric_of(int(batch.metric[row]))
        if sensor.site == site:
            words = (sensor.id, sensor.kind, metric.name, metric.unit)
            quality = ("good", "fault", "test", "historical")[int(batch.quality[row])]
            found.append((*words, int(batch.time_ns[row]), float(batch.value[row]), quality))
    return found


def read_csv(path: Path) -> list[tuple[Any, ...]]:
    """Return the rows of a CSV file with times in ns."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        assert next(rows) == list(exporting.COLUMNS)
        moments = [(row, int(np.datetime64(row[4].removesuffix("Z"), "ns").astype(np.int64))) for row in rows]
    return [(*row[:4], at, float(row[5]), row[6]) for row, at in moments]


def read_parquet(path: Path) -> list[tuple[Any, ...]]:
    """Return the rows of a Parquet file with times in ns."""
    with duckdb.connect() as db:
        names = [row[0] for row in db.execute(f"DESCRIBE FROM '{path}'").fetchall()]
        assert names == list(exporting.COLUMNS)
        query = "SELECT sensor, kind, metric, unit, epoch_ns(time), value, quality FROM read_parquet(?)"
        return db.execute(query, [str(path)]).fetchall()


@pytest.mark.parametrize(("suffix", "reader"), [("csv", read_csv), ("parquet", read_parquet)])
def test_exported_readings_read_back_equal(
    suffix: str,
    reader: Callable[[Path], list[tuple[Any, ...]]],
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The file has every reading of the site in order, with pages far smaller than the readings of one time."""
    assert home.is_dir()
    monkeypatch.setattr(exporting, "PAGE_ROWS", 7)
    catalog = Catalog()
    wanted = expected(readings(catalog), catalog, "s1")
    path = tmp_path / f"it's all.{suffix}"
    (done,) = run("export", "--site", "s1", *SPAN, "--output", str(path))
    assert done == {"rows": len(wanted), "sensors": 2, "output": str(path)}
    if suffix == "parquet":
        path = path.rename(tmp_path / "plain.parquet")
    assert reader(path) == wanted
    some = tmp_path / f"some.{suffix}"
    run("export", "--site", "s1", "--kind", "gate", "--metric", "odd", *SPAN, "--output", str(some))
    assert reader(some) == [row for row in wanted if row[1] == "gate" and row[2] == "odd"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--site", "s9"), "no sensor in the log matches"),
        (("--site", "s1", "--kind", "smok"), "--kind = 'smok': allowed is one of smoke"),
        (("--site", "s1", "--sensor", "y"), "--sensor y"),
        (("--site", "s1", "--metric", "smokiness"), "no stored reading has this metric"),
        (("--site", "s1", "--from", "yesterday"), "--from: 'yesterday' is not a time"),
        (("--site", "s1", "--from", "2027-01-01T00:00:00Z"), "--from must be before --to"),
        (("--site", "s1", "--output", "a.xlsx"), "must end in .csv or .parquet"),
        (("--site", "s1", "--output", "/nowhere/a.csv"), "No such file"),
    ],
)
def test_impossible_exports_are_errors(words: tuple[str, ...], sentence: str, home: Path, tmp_path: Path) -> None:
    """The error is one line, and no file is left."""
    output = tmp_path / "out"
    output.mkdir()
    with pytest.raises(InputError, match=sentence):
        run("export", *SPAN, "--output", str(output / "a.csv"), *words)
    assert home.is_dir()
    assert list(output.iterdir()) == []


def test_an_existing_file_stays_without_force(home: Path, tmp_path: Path) -> None:
    """--force replaces it."""
    path = tmp_path / "a.csv"
    path.write_text("mine", encoding="utf-8")
    words = ("export", "--site", "s1", *SPAN, "--output", str(path))
    with pytest.raises(InputError, match="--force"):
        run(*words)
    assert path.read_text(encoding="utf-8") == "mine"
    assert run(*words, "--force")[0]["rows"] == len(read_csv(path))
    assert home.is_dir()


def test_a_store_in_use_is_an_error(home: Path, tmp_path: Path) -> None:
    """The error names the remedy."""
    program = "import duckdb, sys\nwith duckdb.connect(sys.argv[1]):\n print(1, flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, str(home / "readings.duckdb")]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(InputError, match="stop the service first, or ask the running service"):
        run("export", "--site", "s1", *SPAN, "--output", str(tmp_path / "a.csv"))
    holder.communicate(timeout=10)


def test_holds_are_added_listed_and_released(home: Path) -> None:
    """The retention plan of a running service follows immediately."""
    log, catalog = TelemetryLog(home / "telemetry.sqlite", clock=time.time_ns), Catalog()
    catalog.load(*log.catalog())
    log.close()
    keeping = RetentionPlanner(load_retention(), catalog, home)
    assert keeping().held == ()
    (made,) = run("hold", "add", "--site", "s1", "--sensor", "烟感-1", *SPAN, "--reason", "inquiry", "--who", "kim")
    (one,) = keeping().held
    assert one.sensors == {sensor.code for sensor in catalog if sensor.id == "烟感-1"}
    assert keeping() is keeping()
    assert run("hold", "list") == [made]
    assert (made["from"][:10], made["to"][:10], made["released"]) == ("2026-09-01", "2026-09-02", None)
    (done,) = run("hold", "release", str(made["id"]), "--reason", "closed", "--who", "lee")
    assert (done["released_by"], done["release_reason"]) == ("lee", "closed")
    assert keeping().held == ()
    assert Holds(home / "holds.sqlite").standing() == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("add", "--site", "s1", *SPAN), "needs a reason"),
        (("add", "--site", "s9", *SPAN, "--reason", "r"), "site 's9' has no sensor"),
        (("add", "--site", "s1", "--sensor", "y", *SPAN, "--reason", "r"), "has no sensor y in the log"),
        (("add", "--site", "s1", "--from", "now", "--reason", "r"), "--from: 'now' is not a time"),
        (("release", "3", "--reason", "r"), "no hold exists"),
    ],
)
def test_impossible_holds_are_errors(words: tuple[str, ...], sentence: str, home: Path) -> None:
    """A hold needs known sensors and a reason."""
    with pytest.raises(TwinwardError, match=sentence):
        run("hold", *words)
    assert home.is_dir()
    assert run("hold", "list") == []
