"""InfluxDB store: repeated writes are idempotent, failed writes raise, both write APIs arrive."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import StoreError, TelemetryBatch
from ingest.stores import StoreSettings, open_store
from ingest.stores.influxdb import InfluxStore, create_database, read_token

from .test_contract import BATCHES, batch_of


@pytest.fixture
def fresh(influxdb: Any) -> Iterator[Callable[[], InfluxStore]]:
    """Open stores on separate databases; close all at the end."""
    opened: list[InfluxStore] = []

    def make() -> InfluxStore:
        database = f"t{uuid4().hex}"
        create_database(influxdb.url, database)
        opened.append(InfluxStore(influxdb.url, database, api="1"))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=BATCHES, second=BATCHES, cut=st.integers(0, 12))
def test_an_interrupted_write_is_repeated_whole(
    fresh: Callable[[], InfluxStore], first: TelemetryBatch, second: TelemetryBatch, cut: int
) -> None:
    """Any part of a write may have arrived before the crash; after the retry every reading is stored once."""
    store, measure = fresh(), fresh()
    for one in (store, measure):
        one.write(first, cursor=1)
    part = list(store._lines.of(second, 2, store._stored_repeats(second, 2)))[:cut]
    if part:
        store._send("\n".join(part).encode())
    store.write(second, cursor=2)
    measure.write(second, cursor=2)
    assert (store.count(), store.cursor()) == (measure.count(), measure.cursor())
    for sensor in range(3):
        for metric in (1, 2):
            got = store.read(sensor, metric, from_ns=-(2**62), to_ns=2**62)
            wanted = measure.read(sensor, metric, from_ns=-(2**62), to_ns=2**62)
            assert (got.time_ns.tolist(), got.value.tolist()) == (wanted.time_ns.tolist(), wanted.value.tolist())


def test_a_server_that_is_down_raises_retryable_errors(influxdb: Any) -> None:
    """Opening makes no connection; every call raises a retryable error with the cause."""
    store = open_store("influxdb", Path(), settings=StoreSettings(influx_url="http://127.0.0.1:9", influx_api="1"))
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:9") as raised:
        store.write(batch_of([(0, 1, 5, 1.0, 0)]), cursor=1)
    assert raised.value.retry
    store.close()
    with (
        closing(InfluxStore(influxdb.url, f"t{uuid4().hex}", api="1")) as missing,
        pytest.raises(StoreError, match="database not found") as raised,
    ):
        missing.write(batch_of([(0, 1, 5, 1.0, 0)]), cursor=1)
    assert raised.value.retry


def test_a_closed_store_raises_store_error(fresh: Callable[[], InfluxStore]) -> None:
    """A closed store raises no other error."""
    store = fresh()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.count()


def test_writes_of_the_second_version_arrive(victoria_metrics: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client library writes one request a batch to a real server, whose export has the readings."""
    store = InfluxStore(victoria_metrics.url, "bucket", token="t", organisation="o", api="2")
    monkeypatch.setattr(store, "cursor", lambda: 0)  # this server has no InfluxQL
    start_ns = 1_788_200_000_000_000_000
    rows = [(7, 5, start_ns + n * 1_000_000_000, n / 4, 0) for n in range(100)]
    store.write(batch_of(rows), cursor=1)
    store.close()
    httpx.get(f"{victoria_metrics.url}/internal/force_flush")
    answer = httpx.get(f"{victoria_metrics.url}/api/v1/export", params={"match[]": '{__name__="readings_v",s="7"}'})
    (series,) = [json.loads(line) for line in answer.text.splitlines()]
    assert series["values"] == [n / 4 for n in range(100)]
    assert series["timestamps"] == [(start_ns + n * 1_000_000_000) // 1_000_000 for n in range(100)]


class _Refusing(BaseHTTPRequestHandler):
    """Fake InfluxDB 2 server, because no package exists: records the request and responds with a status."""

    seen: list[tuple[str, dict[str, str], bytes]] = []  # noqa: RUF012 - of one test
    status = 204

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, dict(self.headers), body))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.mark.parametrize(
    ("status", "outcome"), [(204, "taken"), (400, "hopeless"), (401, "again"), (429, "again"), (503, "again")]
)
def test_the_second_version_gets_bucket_token_and_lines(
    status: int, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fake server, because no package exists, checks path, token and body, and responds with errors."""
    server = HTTPServer(("127.0.0.1", 0), _Refusing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        _Refusing.seen, _Refusing.status = [], status
        store = InfluxStore(f"http://127.0.0.1:{server.server_port}", "campus", token="abc", organisation="o", api="2")
        monkeypatch.setattr(store, "cursor", lambda: 0)
        batch = batch_of([(1, 2, 3, 0.5, 0)])
        if outcome == "taken":
            store.write(batch, cursor=9)
        else:
            with pytest.raises(StoreError) as raised:
                store.write(batch, cursor=9)
            assert raised.value.retry is (outcome == "again")
        store.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    ((path, headers, body),) = _Refusing.seen
    assert path == "/api/v2/write?org=o&bucket=campus&precision=ns"
    assert headers["Authorization"] == "Token abc"
    assert body.decode().splitlines() == ["readings,m=2,s=1 v=0.5,q=0i,c=9i 3", "progress cursor=9i 0"]


def test_a_token_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """The message has the file, its mode and the allowed one."""
    path = tmp_path / "token"
    path.write_text("abc\n")
    path.chmod(0o644)
    with pytest.raises(StoreError, match="mode 0644; allowed: 0600"):
        read_token(path)
    path.chmod(0o600)
    assert (read_token(path), read_token(None)) == ("abc", None)
