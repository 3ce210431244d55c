"""Pause of the checkpoints: the file stands still, and every way a backup ends resumes them."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from ingest import StoreError
from ingest.stores.duckdb import DuckdbStore
from ingest.telemetry import TelemetryBatch
from tests.processes import until
from twinward.archive.checkpoints import PAUSE_S_MAX, REQUEST, PausingStage, paused
from twinward.archive.copies import store_header

HOLD = """
import sys, time
from pathlib import Path
from twinward.archive.checkpoints import paused
with paused(Path(sys.argv[1]), alive=lambda: True):
    print("held", flush=True)
    time.sleep(60)
"""


class Idle:
    """A stage that only counts."""

    name = "store"
    turns = 0

    def recover(self) -> int:
        """Return 7."""
        return 7

    def process(self, entries: Any) -> None:
        """Count the entries."""
        self.turns += len(entries)

    def idle(self) -> None:
        """Do nothing."""


class Store:
    """A store that records the calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pause_checkpoints(self) -> tuple[int, int]:
        """Record the call."""
        self.calls.append("pause")
        return 5, 99

    def resume_checkpoints(self) -> None:
        """Record the call."""
        self.calls.append("resume")


def batch(rows: int, value: float) -> TelemetryBatch:
    """Return readings of one sensor."""
    times = np.arange(rows, dtype=np.int64) * 1_000_000
    codes = np.ones(rows, np.int32), np.ones(rows, np.int16)
    return TelemetryBatch(*codes, times, times, np.full(rows, value), np.zeros(rows, np.uint8))


def test_the_file_of_a_paused_store_is_the_state_of_the_pause(tmp_path: Path) -> None:
    """A copy of the file alone opens with cursor and readings of the pause, however much was written since."""
    path, copy = tmp_path / "a.duckdb", tmp_path / "b.duckdb"
    with closing(DuckdbStore(path)) as store:
        store.write(batch(1_000, 1.0), cursor=3)
        assert store.pause_checkpoints() == (3, 1_000)
        header = store_header(path)
        for cursor in range(4, 24):
            store.write(batch(60_000, float(cursor)), cursor=cursor)
        assert store_header(path) == header
        shutil.copyfile(path, copy)
        with closing(DuckdbStore(copy)) as restored:
            assert (restored.cursor(), restored.count()) == (3, 1_000)
        store.resume_checkpoints()
        for cursor in range(24, 44):
            store.write(batch(60_000, float(cursor)), cursor=cursor)
    assert store_header(path) != header
    with closing(DuckdbStore(path)) as store:
        assert (store.cursor(), store.count()) == (43, 1_000 + 40 * 60_000)


def test_the_stage_answers_a_request_once_and_resumes_at_its_end(tmp_path: Path) -> None:
    """The stage itself works as before; the request file is gone afterwards."""
    inner, store = Idle(), Store()
    stage: PausingStage[int] = PausingStage(inner, store, tmp_path)
    assert stage.recover() == 7
    ended = threading.Event()

    def turn() -> None:
        while not ended.is_set():
            stage.process([1])
            stage.idle()
            ended.wait(0.01)

    thread = threading.Thread(target=turn)
    thread.start()
    with paused(tmp_path, alive=lambda: True) as answer:
        assert answer == (5, 99)
        assert store.calls == ["pause"]
    until(lambda: store.calls == ["pause", "resume"], timeout_s=20, what="resumed")
    ended.set()
    thread.join()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_backup_and_an_endless_one_resume_the_checkpoints(tmp_path: Path) -> None:
    """The kernel releases the request of a killed process; a request that lasts too long is answered once only."""
    store, now = Store(), [0.0]
    stage: PausingStage[int] = PausingStage(Idle(), store, tmp_path, monotonic=lambda: now[0])
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        until((tmp_path / REQUEST).exists, timeout_s=20, what="a request")
        stage.idle()
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        now[0] = PAUSE_S_MAX + 1
        stage.idle()
        stage.idle()
        assert store.calls == ["pause", "resume"]
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    stage.idle()
    assert not (tmp_path / REQUEST).exists()


def test_a_failed_pause_is_tried_once_and_leaves_the_stage_at_work(tmp_path: Path) -> None:
    """An error of the store during the checkpoint does not reach the pump; the backup gets no answer."""

    class Failing(Store):
        def pause_checkpoints(self) -> tuple[int, int]:
            super().pause_checkpoints()
            raise StoreError("disk full", retry=True)

    inner, store = Idle(), Failing()
    stage: PausingStage[int] = PausingStage(inner, store, tmp_path)
    turns = [0]

    def alive() -> bool:
        stage.process([1])
        stage.idle()
        turns[0] += 1
        return turns[0] < 5

    with paused(tmp_path, alive=alive) as answer:
        assert answer is None
    assert (store.calls, inner.turns) == (["pause"], 5)


def test_a_frozen_or_absent_service_gives_no_answer(tmp_path: Path) -> None:
    """Without a process that has the store open, the request ends at once."""
    with paused(tmp_path, alive=lambda: False) as answer:
        assert answer is None
    assert list(tmp_path.iterdir()) == []
