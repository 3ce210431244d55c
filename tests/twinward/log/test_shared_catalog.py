"""Catalogue of a process that reads the log: new sensors and renamings arrive with the next entry."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ingest import BatchSettings, Catalog, Intake
from ingest.renames import rename
from twinward.log import TelemetryLog
from twinward.log.shared_catalog import CHANGED_EVERY_S, LogCatalog


@pytest.mark.parametrize("by_tick", [False, True])
def test_a_process_that_reads_the_log_follows_renamings(tmp_path: Path, *, by_tick: bool) -> None:
    """With the next row, or with the next tick of the alerts; an unchanged catalogue is not loaded again."""
    with closing(TelemetryLog(tmp_path / "telemetry.sqlite", clock=time.time_ns)) as log:
        intake = Intake(catalog := Catalog(), batch=BatchSettings(age_s=10))
        reading = Catalog()
        follower = LogCatalog(log, reading, shared=False)
        for topic in (b"campus/s/smoke/a", b"campus/s/smoke/b"):
            intake.accept([(0x30, 0, topic, b'{"smoke": false}')], time.time_ns())
        append(log, intake)
        code = catalog.code("s", "a", "smoke")
        rows = np.array([code], np.int32), np.array([1], np.int16)
        follower.refresh(*rows)
        assert reading[code].id == "a"
        rename(catalog, "s", "a", "spare")
        rename(catalog, "s", "b", "a")
        append(log, intake)
        if by_tick:
            follower.follow()
        else:
            follower.refresh(*rows)
        assert [sensor.id for sensor in reading] == [sensor.id for sensor in catalog]
        assert reading.renamings() == catalog.renamings()
        version = reading.version
        follower.follow()
        follower.refresh(*rows)
        assert reading.version == version
        assert log.catalog_state() == (2, catalog.version)


def test_other_changes_arrive_within_ten_seconds(tmp_path: Path) -> None:
    """A removal is no new sensor; a storm of changes costs one load in ten seconds."""
    now_s = [0.0]
    with closing(TelemetryLog(tmp_path / "telemetry.sqlite", clock=time.time_ns)) as log:
        intake = Intake(catalog := Catalog(), batch=BatchSettings(age_s=10))
        reading = Catalog()
        follower = LogCatalog(log, reading, shared=False, monotonic=lambda: now_s[0])
        intake.accept([(0x30, 0, b"campus/s/smoke/a", b'{"smoke": false}')], time.time_ns())
        append(log, intake)
        code = catalog.code("s", "a", "smoke")
        follower.refresh(np.array([code], np.int32), np.array([1], np.int16))
        catalog.update(replace(catalog[code], removed=True))
        intake.tick(time.time_ns())
        append(log, intake)
        follower.follow()
        assert not reading[code].removed
        now_s[0] = CHANGED_EVERY_S
        follower.follow()
        assert reading[code].removed


def append(log: TelemetryLog, intake: Intake) -> None:
    """Append the open batch."""
    sealed = intake.seal()
    assert sealed is not None
    log.append(sealed)
