"""Kills at single write calls: durable data stay whole, and the next process completes the work."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest import METRIC_BY_NAME
from ingest.stores import open_store
from twinward.log import DetectionLog, TelemetryLog

WRITER = Path(__file__).with_name("writer.py")
ROOT = Path(__file__).resolve().parents[2]
COUNT = 12
POINTS, POINTS_LONG = 4, 100
"""Number of random write calls at which a process is killed."""

CALLS = "pwrite64,fdatasync,fsync,ftruncate,rename,unlink"
NUMBER = METRIC_BY_NAME["people_in_total"].code
SPAN = {"from_ns": 0, "to_ns": 2**63 - 1}


@pytest.fixture
def strace(run_twinward: Any) -> str:
    """Path of strace, which kills a process at a system call."""
    program = shutil.which("strace")
    works = program and subprocess.run([program, "-qq", "-e", "trace=none", "true"], check=False, capture_output=True)
    if not program or not works or works.returncode != 0:
        run_twinward.unavailable("strace is not installed or may not trace")
    return str(program)


def write(folder: Path, *before: str) -> Sequence[int]:
    """Run the writer, behind a tracer if given; return the acknowledged numbers."""
    command = [*before, sys.executable, str(WRITER), str(folder), str(COUNT)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=120)
    return [int(line) for line in done.stdout.split()]


def writes_of(strace: str, folder: Path) -> int:
    """Return the number of write calls of an undisturbed run."""
    record = folder / "calls"
    write(folder, strace, "-f", "-qq", "-o", str(record), "-e", f"trace={CALLS}")
    return len(record.read_text(encoding="utf-8", errors="replace").splitlines())


def numbers(folder: Path) -> dict[str, list[int]]:
    """Return the numbers in log and store, and the log positions with a detected fire."""
    with closing(TelemetryLog(folder / "telemetry.sqlite", clock=time.time_ns)) as log:
        entries = log.read(0, limit=10_000)
        code = next(sensor.code for sensor in log.catalog()[0] if sensor.id == "room")
        assert log.verify().ok
        stored = sum(row["rows"] for row in log.accounting() if row["outcome"] == "stored")
        memory = sorted(int(value) for _, _, value in log.memory())
    logged = [int(entry.batch.value[0]) for entry in entries if not entry.priority]
    assert stored == 2 * len(logged)
    assert memory == sorted(logged[-5:])
    with closing(open_store("duckdb", folder / "readings.duckdb")) as store:
        values = store.read(code, NUMBER, **SPAN).value.astype(np.int64).tolist()
    with closing(DetectionLog(folder / "detections.sqlite", clock=time.time_ns)) as found:
        fires = [entry.source for entry in found.read(0, limit=10_000) if "fire" in entry.detections.hazard]
        assert found.verify().ok
    return {"logged": logged, "stored": values, "fires": fires}


def test_a_kill_at_any_write_causes_no_loss_or_duplicate(strace: str, tmp_path: Path, rig: Any) -> None:
    """SIGKILL at the n-th write of log, store or detections; a second process completes the work."""
    plain = tmp_path / "plain"
    plain.mkdir()
    points = writes_of(strace, plain)
    wanted = numbers(plain)
    assert wanted["logged"] == list(range(1, COUNT + 1))
    assert len(wanted["fires"]) > COUNT // 3
    chosen = rig.rng.sample(range(1, points + 1), rig.size(POINTS, POINTS_LONG))
    for point in chosen:
        folder = tmp_path / str(point)
        folder.mkdir()
        inject = f"inject={CALLS}:signal=SIGKILL:when={point}"
        acked = write(folder, strace, "-f", "-qq", "-o", str(tmp_path / "trace"), "-e", f"trace={CALLS}", "-e", inject)
        resumed = write(folder)
        assert not set(acked) & set(resumed), f"killed at write {point}: an acknowledged number was written again"
        assert numbers(folder) == wanted, f"killed at write {point}"
        shutil.rmtree(folder)
    rig.report(writes=points, kills=len(chosen))


def test_the_tracer_kills(strace: str, tmp_path: Path) -> None:
    """An early kill leaves numbers unwritten, so the test above does kill."""
    inject = f"inject={CALLS}:signal=SIGKILL:when=60"
    acked = write(tmp_path, strace, "-f", "-qq", "-o", str(tmp_path / "trace"), "-e", f"trace={CALLS}", "-e", inject)
    assert len(acked) < COUNT
    with closing(sqlite3.connect(tmp_path / "telemetry.sqlite")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
