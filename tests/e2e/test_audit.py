"""Audit of a running service: private files, signed heads, a changed row and a cut end."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest


@pytest.mark.broker
def test_changed_rows_and_cut_ends_are_found_after_the_service_has_stopped(
    mosquitto: Any, make_service: Any, run_twinward: Any, tmp_path: Path
) -> None:
    """Files are private, heads leave the machine, and `verify` finds changes that the chains alone do not show."""
    share = tmp_path / "share"
    service = make_service(mosquitto.url, extra=f'[audit]\nheads_folder = "{share}"\n')
    service.start()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    admin = service.client()

    def opened() -> Any:
        client.publish("campus/school-1/smoke/dorm-9", b'{"smoke": true}', qos=1).wait_for_publish(5)
        return admin.get("/tickets").json()["items"]

    tickets = run_twinward.until(opened, timeout_s=40, what="a ticket")
    client.disconnect()
    client.loop_stop()
    run_twinward.until(lambda: share.is_dir() and [*share.glob("*.json")], timeout_s=15, what="a copy of the heads")
    _check_private(service.data)
    assert ("the service runs as root" in service.log.read_text()) is (os.geteuid() == 0)
    assert service.stop() == 0

    def run(*arguments: str) -> tuple[int, Any]:
        command = [*run_twinward.command, *arguments, "--config", str(service.config), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout

    signed = tmp_path / "now.json"
    assert run("heads", str(signed))[0] == 0
    for chain in ("log", "audit"):
        assert run("verify", chain, "--heads", str(share))[0] == 0
    _check_doctor(service.data, run)
    _change(service.data, "UPDATE tickets SET state = ?", "closed")
    status, report = run("verify", "audit")
    (line,) = json.loads(report)["rows_differing"]
    assert (status, line.startswith(f'tickets {tickets[0]["id"]}: state is "closed"')) == (1, True)
    _change(service.data, "UPDATE tickets SET state = ?", tickets[0]["state"])
    _change(service.data, "DELETE FROM journal WHERE seq > 2")
    for path in service.data.glob("*.head"):
        path.unlink()
    status, report = run("verify", "audit", "--heads", str(signed))
    assert (status, json.loads(report)["first_bad"]) == (1, 3)
    with sqlite3.connect(service.data / "telemetry.sqlite") as log:
        log.execute("DELETE FROM entries WHERE seq = (SELECT max(seq) FROM entries)")
    log.close()
    assert run("verify", "log", "--heads", str(signed))[0] == 1


def _check_private(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        mode = path.lstat().st_mode & 0o777
        assert mode & 0o077 == 0, f"{path} {mode:04o}"


def _check_doctor(folder: Path, run: Any) -> None:
    """Files that others may read are listed with the command that ends it."""
    (folder / "alerts.sqlite").chmod(0o644)
    rows = {row["name"]: row for row in map(json.loads, run("doctor")[1].splitlines())}
    assert (rows["files"]["ok"], rows["files"]["advice"]) == (False, f"chmod -R go= {folder}")
    assert f"{folder / 'alerts.sqlite'} (0644)" in rows["files"]["en"]
    assert rows["account"]["ok"] is (os.geteuid() != 0)
    (folder / "alerts.sqlite").chmod(0o600)


def _change(folder: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(folder / "alerts.sqlite") as database:
        database.execute(statement, values)
    database.close()
