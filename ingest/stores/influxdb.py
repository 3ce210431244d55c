"""Readings in InfluxDB: line protocol in, InfluxQL out.

Source: docs.influxdata.com, line protocol; InfluxDB 1.x HTTP API (`/write`, `/query`), which InfluxDB 2 also serves
("InfluxDB 1.x compatibility"); `/api/v2/write` through the client library of InfluxDB 2.

One module because writes, queries, retention and holds use one client and its error mapping.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import httpx
import numpy as np

from ingest.catalog import Catalog
from ingest.errors import StoreError
from ingest.stores.contract import Buckets, Retained, Series
from ingest.stores.retention import DAY_NS, RetentionPlan
from ingest.telemetry import TelemetryBatch
from ingest.vocabulary import Quality

from .influx_lines import MEASUREMENT, Lines
from .rollup import Rollup, buckets

PROGRESS = "progress"
ROWS_PER_WRITE = 100_000
"""Rows of one body, which stays far below the server's limit of 25 MB."""

SENSORS_PER_QUERY = 500
"""Sensors in one statement, at most."""

_TIME_MIN, _TIME_MAX = -9_223_372_036_854_775_806, 9_223_372_036_854_775_806
_STEP_MAX = 2**62
_TIMEOUT_S = 30.0
_RETRIED = frozenset((401, 403, 404, 408, 429))  # status codes that an administrator or a retry can fix
_SERVER_ERROR = 500


class InfluxStore:
    """Readings as points `readings,m={metric},s={sensor},... v={value},q={quality},c={cursor}` of one database.

    The names of sensor, site and metric are further tags.

    The tag `k`, counted in order of arrival, separates readings of one series and time. Where a series goes back in
    time, the store queries the server's readings there. A write and its cursor share one request, and a repeated write
    produces the same points, so a crash in between neither loses nor duplicates. Reads wait for a running write, of
    which the server would return a part. One database belongs to one installation.

    Works badly for: two readings of one series and time before and after a restart, of which the later one remains.
    """

    def __init__(
        self,
        url: str,
        database: str,
        *,
        token: str | None = None,
        organisation: str = "",
        api: Literal["1", "2"] = "2",
        timeout_s: float = _TIMEOUT_S,
        catalog: Catalog | None = None,
    ) -> None:
        """url: http(s)://host:port. database: the database, or in InfluxDB 2 the mapping of the bucket. api: write API.

        catalog: names for the tags.

        The constructor makes no connection: the server may be down.
        """
        self._url, self._database = url.rstrip("/"), database
        headers = {"Authorization": f"Token {token}"} if token else {}
        self._http = httpx.Client(base_url=self._url, headers=headers, timeout=timeout_s)
        self._lines = Lines(catalog)
        self._gate = threading.RLock()
        self._newest: dict[tuple[int, int], int] = {}
        self._closed = False
        self._send: Callable[[bytes], None] = self._send_1
        self._close_client: Callable[[], None] = lambda: None
        if api == "2":
            self._send, self._close_client = _client_2(self._url, token or "", organisation, database, timeout_s)

    def write(self, batch: TelemetryBatch, *, cursor: int) -> None:
        """Write the readings; a cursor at or below the stored one is a no-op."""
        with self._gate:
            if cursor > self.cursor():
                self.send(batch, cursor=cursor, stored=self._stored_repeats(batch, cursor))
                for sensor, metric, time_ns in _keys(batch):
                    self._newest[sensor, metric] = max(time_ns, self._newest.get((sensor, metric), _TIME_MIN))

    def send(
        self, batch: TelemetryBatch, *, cursor: int, stored: dict[tuple[int, int, int], int] | None = None
    ) -> None:
        """Send every reading as a line, and the cursor as the last line. stored: readings already on the server."""
        lines = list(self._lines.of(batch, cursor, stored or {}))
        parts = [lines[at : at + ROWS_PER_WRITE] for at in range(0, len(lines), ROWS_PER_WRITE)] or [[]]
        parts[-1].append(f"{PROGRESS} cursor={cursor}i 0")
        for part in parts:
            self._send("\n".join(part).encode())

    def claim(self, installation: int) -> int:
        """Return the number of the installation to which the store belongs; a store of none belongs to this one now."""
        query = f"SELECT installation FROM {PROGRESS} WHERE time = 0"  # noqa: S608 - constants
        with self._gate:
            rows = self._query(query)
            if rows and rows[0][1]:
                return int(rows[0][1])
            self._send(f"{PROGRESS} installation={installation}i 0".encode())
        return installation

    def cursor(self) -> int:
        """Return the last stored log position."""
        rows = self._query(f"SELECT cursor FROM {PROGRESS} WHERE time = 0")  # noqa: S608 - constants
        return int(rows[0][1]) if rows else 0

    def rewind(self, cursor: int) -> None:
        """Set the stored log position back; a position at or above the stored one is a no-op."""
        with self._gate:
            if cursor < self.cursor():
                self._send(f"{PROGRESS} cursor={cursor}i 0".encode())

    def read(self, sensor: int, metric: int, *, from_ns: int, to_ns: int, limit: int = 1_000_000) -> Series:
        """Return the readings of one series in [from_ns, to_ns) by time, equal times in order of arrival."""
        if limit <= 0 or _clamped(from_ns) >= _clamped(to_ns):
            return _series([])
        where = _where(sensor, metric, from_ns, to_ns)
        query = f"SELECT v, q, k FROM {MEASUREMENT} WHERE {where} ORDER BY time LIMIT {int(limit)}"  # noqa: S608 - integers
        with self._gate:
            rows = self._query(query)
            if len(rows) == limit:  # the server truncates readings of one time in its own order
                last_ns = rows[-1][0]
                at = f"{_where(sensor, metric, last_ns, last_ns + 1)}"
                whole = self._query(f"SELECT v, q, k FROM {MEASUREMENT} WHERE {at}")  # noqa: S608 - integers
                rows = [row for row in rows if row[0] != last_ns] + whole
        return _series(sorted(rows, key=lambda row: (row[0], int(row[3] or 0)))[:limit])

    def downsample(self, sensor: int, metric: int, *, from_ns: int, to_ns: int, step_ns: int) -> Buckets:
        """Return count, mean, low and high of the good readings in each step with readings."""
        return self.across([sensor], metric, from_ns=from_ns, to_ns=to_ns, step_ns=step_ns)

    def across(self, sensors: Sequence[int], metric: int, *, from_ns: int, to_ns: int, step_ns: int) -> Buckets:
        """Return count, mean, low and high of the good readings of all these sensors in each step with readings."""
        if not 0 < step_ns <= _STEP_MAX:
            raise ValueError(f"step_ns must be above zero and at most {_STEP_MAX}, not {step_ns}")
        wanted, found = sorted({int(sensor) for sensor in sensors}), []
        with self._gate:
            for at in range(0, len(wanted), SENSORS_PER_QUERY):
                which = f"{_tags(wanted[at : at + SENSORS_PER_QUERY])} AND m = '{int(metric)}'"
                found += self._downsampled(which, (from_ns, to_ns), step_ns)
        columns = list(zip(*found, strict=True)) or [()] * 5
        none = np.zeros(len(found), np.int32)
        start_ns, count = (np.array(column, np.int64) for column in columns[:2])
        sums = (np.array(column, np.float64) for column in columns[2:5])
        return buckets(Rollup(none, none.astype(np.int16), start_ns, count, *sums), step_ns)

    def metrics(self, sensor: int) -> list[int]:
        """Return the codes of the metrics with readings of a sensor."""
        query = f"SELECT count(v) FROM {MEASUREMENT} WHERE s = '{int(sensor)}' GROUP BY m"  # noqa: S608 - an integer
        return sorted(int(tags["m"]) for tags, _ in self._series_of(query))

    def retain(self, keep: RetentionPlan, *, now_ns: int) -> Retained:
        """Delete all expired readings on the server in one step. This store has no levels."""
        with self._gate:
            series = self._series_of(f"SELECT count(v) FROM {MEASUREMENT} GROUP BY s, m")  # noqa: S608 - constants
            sensor = np.array([int(tags["s"]) for tags, _ in series], np.int32)
            metric = np.array([int(tags["m"]) for tags, _ in series], np.int16)
            days = (now_ns // DAY_NS - keep.raw_days(sensor, metric)).tolist()
            spans: dict[tuple[int, int, int], list[int]] = {}
            for code, kind, before in zip(sensor.tolist(), metric.tolist(), days, strict=True):
                for first_ns, last_ns in keep.free_spans(code, before):
                    spans.setdefault((kind, first_ns, last_ns), []).append(code)
            gone = 0
            for (kind, first_ns, last_ns), sensors in spans.items():
                for at in range(0, len(sensors), SENSORS_PER_QUERY):
                    which = f"m = '{kind}' AND {_tags(sensors[at : at + SENSORS_PER_QUERY])}"
                    gone += self._delete(f"{which} AND {_span(first_ns, last_ns)}")
        return Retained(gone, more=False)

    def count(self) -> int:
        """Return the number of stored readings."""
        with self._gate:
            return self._count("")

    def close(self) -> None:
        """Close the connection; later calls raise StoreError."""
        self._closed = True
        self._http.close()
        self._close_client()

    def _downsampled(self, which: str, wanted: tuple[int, int], step_ns: int) -> list[list[Any]]:
        """Return rows of start, count, mean, low, high; the span is cut to readings: the server visits every step."""
        if _clamped(wanted[0]) >= _clamped(wanted[1]) or not (span := self._edges(which, *wanted)):
            return []
        where = f"{which} AND {_span(*span)} AND q = {int(Quality.GOOD)}"
        what = "count(v), mean(v), min(v), max(v)"
        query = f"SELECT {what} FROM {MEASUREMENT} WHERE {where} GROUP BY time({int(step_ns)}ns) fill(none)"  # noqa: S608 - integers
        return [row for row in self._query(query) if row[1]]

    def _delete(self, where: str) -> int:
        gone = self._count(f" WHERE {where}")
        if gone:
            self._query(f"DELETE FROM {MEASUREMENT} WHERE {where}", change=True)  # noqa: S608 - integers
        return gone

    def _stored_repeats(self, batch: TelemetryBatch, cursor: int) -> dict[tuple[int, int, int], int]:
        """Return the number of stored readings by series and time, only for rows that go back in time."""
        spans: dict[tuple[int, int], tuple[int, int]] = {}
        for sensor, metric, time_ns in _keys(batch):
            if time_ns <= self._newest.get((sensor, metric), _TIME_MIN - 1):
                low, high = spans.get((sensor, metric), (time_ns, time_ns))
                spans[sensor, metric] = min(low, time_ns), max(high, time_ns)
        found: dict[tuple[int, int, int], int] = {}
        for (sensor, metric), (low, high) in spans.items():
            where = _where(sensor, metric, low, high + 1)
            for time_ns, _, writer, again in self._query(f"SELECT v, c, k FROM {MEASUREMENT} WHERE {where}"):  # noqa: S608 - integers
                if writer < cursor:
                    key = (sensor, metric, time_ns)
                    found[key] = max(found.get(key, 0), int(again or 0) + 1)
        return found

    def _count(self, where: str) -> int:
        rows = self._query(f"SELECT count(v) FROM {MEASUREMENT}{where}")  # noqa: S608 - made here, of integers
        return int(rows[0][1]) if rows else 0

    def _edges(self, which: str, from_ns: int, to_ns: int) -> tuple[int, int] | None:
        """Return the span from first to last reading of some series: the server counts empty steps one by one."""
        where = f"{which} AND {_span(from_ns, to_ns)}"
        first = self._query(f"SELECT v FROM {MEASUREMENT} WHERE {where} ORDER BY time LIMIT 1")  # noqa: S608 - integers
        last = self._query(f"SELECT v FROM {MEASUREMENT} WHERE {where} ORDER BY time DESC LIMIT 1")  # noqa: S608 - integers
        return (first[0][0], last[0][0] + 1) if first else None

    def _send_1(self, body: bytes) -> None:
        """Write by the InfluxDB 1 path. Raises StoreError."""
        parameters = {"db": self._database, "precision": "ns"}
        self._answer("POST", "/write", params=parameters, content=body)

    def _query(self, query: str, *, change: bool = False) -> list[list[Any]]:
        """Return the rows of a statement with one series; times in ns."""
        found = self._series_of(query, change=change)
        return found[0][1] if found else []

    def _series_of(self, query: str, *, change: bool = False) -> list[tuple[dict[str, str], list[list[Any]]]]:
        """Return tags and rows of each series of a response, chunks joined."""
        parameters = {"db": self._database, "epoch": "ns", "q": query}
        answer = self._answer("POST" if change else "GET", "/query", params=parameters)
        found: list[tuple[dict[str, str], list[list[Any]]]] = []
        for result in answer.json().get("results", []):
            if "error" in result:
                raise StoreError(f"{self._url}: {result['error']}", retry=True)
            found += [(part.get("tags", {}), part["values"]) for part in result.get("series", [])]
        return found

    def _answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        if self._closed:
            raise StoreError(f"{self._url}: the store is closed", retry=False)
        try:
            answer = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise StoreError(f"{self._url}: {error or type(error).__name__}", retry=True) from error
        if answer.is_error:
            _refused(self._url, answer.status_code, answer.text)
        return answer


def create_database(url: str, database: str, *, timeout_s: float = _TIMEOUT_S) -> None:
    """Create the database of an InfluxDB 1.x server when missing. Raises StoreError."""
    try:
        answer = httpx.post(f"{url}/query", params={"q": f'CREATE DATABASE "{database}"'}, timeout=timeout_s)
    except httpx.HTTPError as error:
        raise StoreError(f"{url}: {error}", retry=True) from error
    if answer.is_error:
        _refused(url, answer.status_code, answer.text)


def read_token(path: Path | None) -> str | None:
    """Return the token in a file; None without a file. Raises StoreError, also for a file that others may read."""
    if path is None:
        return None
    try:
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            raise StoreError(f"{path} has mode {mode:04o}; allowed: 0600", retry=False)
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}", retry=False) from error


def _client_2(
    url: str, token: str, organisation: str, bucket: str, timeout_s: float
) -> tuple[Callable[[bytes], None], Callable[[], None]]:
    """Return write and close of the client library: one request a write, no retries: the log is the queue."""
    from influxdb_client.client.influxdb_client import InfluxDBClient  # noqa: PLC0415 - 0.3 s to import, used by one store
    from influxdb_client.client.write_api import SYNCHRONOUS  # noqa: PLC0415
    from influxdb_client.rest import ApiException  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    client = InfluxDBClient(url, token=token, org=organisation, timeout=int(timeout_s * 1000), retries=False)
    api = client.write_api(write_options=SYNCHRONOUS)

    def send(body: bytes) -> None:
        try:
            api.write(bucket, organisation, body)  # ns is the default
        except ApiException as error:
            _refused(url, int(error.status or 0), str(error.body or error.reason))
        except (HTTPError, OSError) as error:
            raise StoreError(f"{url}: {error}", retry=True) from error

    def close() -> None:
        api.close()  # type: ignore[no-untyped-call]  # the library has no annotation
        client.close()  # type: ignore[no-untyped-call]

    return send, close


def _refused(url: str, status: int, text: str) -> None:
    retry = status >= _SERVER_ERROR or status in _RETRIED
    raise StoreError(f"{url}: {status} {text.strip()[:300]}", retry=retry)


def _keys(batch: TelemetryBatch) -> Iterator[tuple[int, int, int]]:
    return zip(batch.sensor.tolist(), batch.metric.tolist(), batch.time_ns.tolist(), strict=True)


def _where(sensor: int, metric: int, from_ns: int, to_ns: int) -> str:
    return f"s = '{int(sensor)}' AND m = '{int(metric)}' AND {_span(from_ns, to_ns)}"


def _span(from_ns: int, to_ns: int) -> str:
    return f"time >= {_clamped(from_ns)} AND time < {_clamped(to_ns)}"


def _tags(sensors: Sequence[int]) -> str:
    """Return the condition on one or several sensors."""
    if len(sensors) == 1:
        return f"s = '{int(sensors[0])}'"
    return f"s =~ /^({'|'.join(str(int(sensor)) for sensor in sensors)})$/"


def _series(rows: list[list[Any]]) -> Series:
    return Series(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.float64),
        np.array([row[2] for row in rows], np.uint8),
    )


def _clamped(time_ns: int) -> int:
    return max(_TIME_MIN, min(_TIME_MAX, time_ns))
