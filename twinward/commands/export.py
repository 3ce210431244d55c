"""`export`: raw readings of a site to a CSV or Parquet file, one page of a series in memory at a time."""

from __future__ import annotations

import contextlib
import csv
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ingest import KINDS, METRIC_BY_NAME, Catalog, Metric, Quality, Sensor, Series, Store, StoreError
from ingest.stores import open_store
from twinward.errors import InputError
from twinward.settings import Settings

from .hold import known_sensors, moment

COLUMNS = ("sensor", "kind", "metric", "unit", "time", "value", "quality")
PAGE_ROWS = 100_000
MS_NS = 1_000_000
QUALITIES = [quality.name.lower() for quality in Quality]
FORMATS = (".csv", ".parquet")
_TABLE = (
    "CREATE TABLE readings (sensor VARCHAR, kind VARCHAR, metric VARCHAR, unit VARCHAR, time TIMESTAMP_NS,"
    " value DOUBLE, quality VARCHAR)"
)
_INSERT = (
    "INSERT INTO readings SELECT $sensor, $kind, $metric, $unit, make_timestamp_ns(time_ns), value,"
    " $qualities[quality::INTEGER + 1] FROM page"
)
_COPY_MB = "128MB"

Report = Callable[[int, float], None]
Write = Callable[[Sensor, Metric, Series], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Selection of readings: a site, optionally a kind, sensor and metric ("" for any), in [begin, end)."""

    site: str
    begin: str
    end: str
    kind: str = ""
    sensor: str = ""
    metric: str = ""

    def sensors(self, catalog: Catalog) -> list[Sensor]:
        """Return the selected sensors. Raises InputError if there are none."""
        if self.kind and self.kind not in KINDS:
            raise InputError(f"--kind = {self.kind!r}: allowed is one of {', '.join(KINDS)}")
        found = [
            one
            for one in catalog
            if one.site == self.site and self.kind in {"", one.kind} and self.sensor in {"", one.id}
        ]
        if not found:
            raise InputError(f"no sensor in the log matches {self._shown()}")
        return found

    def code(self, catalog: Catalog) -> int | None:
        """Return the metric's code, None for all. Raises InputError for a metric without readings."""
        if not self.metric:
            return None
        known = METRIC_BY_NAME.get(self.metric) or catalog.learned(self.metric)
        if known is None:
            raise InputError(f"--metric = {self.metric!r}: no stored reading has this metric")
        return known.code

    def _shown(self) -> str:
        given = {"--site": self.site, "--kind": self.kind, "--sensor": self.sensor}
        return " ".join(f"{option} {text}" for option, text in given.items() if text)


def export(settings: Settings, wanted: Wanted, output: Path, *, force: bool, report: Report) -> dict[str, Any]:
    """Write the file atomically; return the counts. Raises InputError.

    Opens the store itself. One process at a time can open a DuckDB store, so the service must be stopped.
    """
    span = moment(wanted.begin, "--from"), moment(wanted.end, "--to")
    if span[0] >= span[1]:
        raise InputError("--from must be before --to")
    if output.suffix not in FORMATS:
        raise InputError(f"--output: {output.name} must end in {' or '.join(FORMATS)}")
    if output.exists() and not force:
        raise InputError(f"{output} exists; --force overwrites it")
    if settings.store.kind == "memory":
        raise InputError("store.kind = memory: only the service holds these readings; export needs duckdb or influxdb")
    catalog = known_sensors(settings)
    sensors, code = wanted.sensors(catalog), wanted.code(catalog)
    with opened_store(settings) as store, _whole(output) as fresh, _writer(output.suffix, fresh) as write:
        rows = _export(store, catalog, sensors, code=code, span=span, write=write, report=report)
    return {"rows": rows, "sensors": len(sensors), "output": str(output)}


def pages(store: Store, sensor: int, metric: int, *, from_ns: int, to_ns: int) -> Iterator[Series]:
    """Yield the raw readings of a series in [from_ns, to_ns) in order, about PAGE_ROWS at a time."""
    limit = PAGE_ROWS
    while from_ns < to_ns:
        page = store.read(sensor, metric, from_ns=from_ns, to_ns=to_ns, limit=limit)
        if len(page.time_ns) < limit:
            yield page
            return
        last_ns = int(page.time_ns[-1])
        rows = int(np.searchsorted(page.time_ns, last_ns))  # readings of the last time may continue on the next page
        if rows:
            yield Series(page.time_ns[:rows], page.value[:rows], page.quality[:rows])
            from_ns, limit = last_ns, PAGE_ROWS
        else:
            limit *= 2


def _export(
    store: Store,
    catalog: Catalog,
    sensors: list[Sensor],
    *,
    code: int | None,
    span: tuple[int, int],
    write: Write,
    report: Report,
) -> int:
    rows = 0
    for done, sensor in enumerate(sensors, 1):
        for metric in store.metrics(sensor.code):
            if code in {None, metric}:
                for page in pages(store, sensor.code, metric, from_ns=span[0], to_ns=span[1]):
                    write(sensor, catalog.metric_of(metric), page)
                    rows += len(page.time_ns)
        report(rows, done / len(sensors))
    return rows


@contextlib.contextmanager
def opened_store(settings: Settings) -> Iterator[Store]:
    """Return the open store of the installation. Raises InputError."""
    path = settings.data_dir / "readings.duckdb"
    if settings.store.kind == "duckdb" and not path.exists():
        raise InputError(f"{path}: no store at this path")
    try:
        store = open_store(settings.store.kind, path, settings=settings.store)
        store.cursor()  # a file that another process has open is opened by the first call
    except StoreError as error:
        if "lock" in str(error).lower():
            raise InputError(
                f"{path} is open in another process: stop the service first, or ask the running service for"
                " one series at a time with GET /api/v1/readings?format=csv"
            ) from error
        raise InputError(str(error)) from error
    try:
        yield store
    except StoreError as error:
        raise InputError(str(error)) from error
    finally:
        store.close()


@contextlib.contextmanager
def _whole(output: Path) -> Iterator[Path]:
    """Return a temporary file that is renamed to the output at the end and removed after a failure."""
    try:
        handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.", suffix=".part")
    except OSError as error:
        raise InputError(f"{output}: {error.strerror}") from error
    os.close(handle)
    fresh = Path(name)
    try:
        yield fresh
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.replace(output)
    except OSError as error:
        raise InputError(f"{output}: {error.strerror}") from error
    finally:
        fresh.unlink(missing_ok=True)


def _writer(suffix: str, fresh: Path) -> contextlib.AbstractContextManager[Write]:
    return _csv_writer(fresh) if suffix == ".csv" else _parquet_writer(fresh)


@contextlib.contextmanager
def _csv_writer(fresh: Path) -> Iterator[Write]:
    """Yield rows as text: time in RFC 3339 UTC, numbers with all significant digits."""
    with fresh.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)

        def write(sensor: Sensor, metric: Metric, page: Series) -> None:
            about = (sensor.id, sensor.kind, metric.name, metric.unit)
            columns = zip(page.time_ns.tolist(), page.value.tolist(), page.quality.tolist(), strict=True)
            rows.writerows((*about, rfc3339(at), value, QUALITIES[quality]) for at, value, quality in columns)

        yield write


@contextlib.contextmanager
def _parquet_writer(fresh: Path) -> Iterator[Write]:
    """Write the rows through a temporary database on disk, so that memory stays bounded."""
    import duckdb  # noqa: PLC0415 - a database engine that only this format needs

    with contextlib.ExitStack() as opened:
        folder = opened.enter_context(tempfile.TemporaryDirectory(dir=fresh.parent))
        config: dict[str, str | bool | int | float | list[str]] = {"memory_limit": _COPY_MB, "threads": 1}
        db = opened.enter_context(duckdb.connect(str(Path(folder) / "rows.duckdb"), config=config))
        db.execute(_TABLE)

        def write(sensor: Sensor, metric: Metric, page: Series) -> None:
            db.register("page", {"time_ns": page.time_ns, "value": page.value, "quality": page.quality})
            about = {"sensor": sensor.id, "kind": sensor.kind, "metric": metric.name, "unit": metric.unit}
            db.execute(_INSERT, about | {"qualities": QUALITIES})
            db.unregister("page")

        yield write
        quoted = str(fresh).replace("'", "''")
        db.execute(f"COPY readings TO '{quoted}' (FORMAT parquet)")


def rfc3339(time_ns: int) -> str:
    """Return a time in UTC with milliseconds, or with nanoseconds if it has them."""
    moment = np.datetime64(time_ns, "ns")
    return f"{moment if time_ns % MS_NS else moment.astype('datetime64[ms]')}Z"
