"""Watch of the alert process: one of the other processes reports its fault."""

from __future__ import annotations

from pathlib import Path

from twinward.data_folder.locks import RoleLocks
from twinward.standby.alert_watch import AlertWatch
from twinward.standby.watches import HEARTBEAT_S_MAX


def test_ingest_reports_it_and_detection_only_without_ingest(tmp_path: Path) -> None:
    """One notice per fault: detection reports while ingest does not run."""
    times_s = iter(HEARTBEAT_S_MAX + 2.0 * number for number in range(1, 20))
    ingest, detect = (AlertWatch(tmp_path, role, started_s=0.0) for role in ("ingest", "detect"))
    assert ingest.look(HEARTBEAT_S_MAX) == {}
    running = RoleLocks(tmp_path, ["ingest"])
    now_s = next(times_s)
    assert (list(ingest.look(now_s)), detect.look(now_s)) == (["role_alert"], {})
    running.close()
    assert list(detect.look(next(times_s))) == ["role_alert"]
    alert = RoleLocks(tmp_path, ["alert"])
    now_s = next(times_s)
    assert (ingest.look(now_s), detect.look(now_s)) == ({}, {})
    alert.close()
