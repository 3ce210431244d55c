"""Rehearsal: a backup under load, the loss of the machine, a restoration elsewhere, and a fire."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.processes.service import ENVIRONMENT, twinward

PER_SECOND = 400
SCHOOLS = ("school-1", "school-2")


class Load:
    """Publishes numbered readings at a steady rate and counts those that the broker acknowledged."""

    def __init__(self, port: int) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.max_inflight_messages_set(1_000)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent = 0

    def start(self) -> None:
        """Start to publish."""
        self._thread.start()

    def stop(self) -> None:
        """Stop and disconnect."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def fire(self, place: str) -> None:
        """Publish a smoke alarm."""
        self._client.publish(f"campus/school-1/smoke/{place}", b'{"smoke": true}', qos=1).wait_for_publish(5)

    def _run(self) -> None:
        while not self._stopping.wait(20 / PER_SECOND):
            batch = []
            for _ in range(20):
                self.sent += 1
                topic = f"campus/{SCHOOLS[self.sent % 2]}/temperature/t-{self.sent % 50}"
                payload = json.dumps({"temperature": 20.0, "seq": self.sent, "time": time.time()})
                batch.append(self._client.publish(topic, payload, qos=1))
            for info in batch:
                info.wait_for_publish(5)


def run(*arguments: str | Path, ok: bool = True) -> dict[str, Any]:
    """Return the JSON result of a command, or its one sentence as `error`."""
    done = subprocess.run(
        twinward(*arguments), capture_output=True, text=True, check=False, env=ENVIRONMENT, timeout=60
    )
    assert (done.returncode == 0) is ok, done.stderr
    if not ok:
        assert done.stderr.count("\n") == 1, done.stderr
        return {"error": done.stderr}
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def stored(service: Any) -> int:
    """Return the stored readings of the service's accounts."""
    return int(service.client().get("/accounting").json()["total"]["stored"])


def places(client: Any) -> set[str]:
    """Return the places of all tickets."""
    return {ticket["place"] for ticket in client.get("/tickets").json()["items"]}


@pytest.mark.broker
def test_a_backup_under_load_restores_every_reading_and_a_fire_pages(
    mosquitto: Any, make_service: Any, run_twinward: Any, tmp_path: Path
) -> None:
    """Readings acknowledged before the backup are in the restored folder; it starts, keeps its ticket, and pages."""
    secret, archive, folder = tmp_path / "secret", tmp_path / "school.age", tmp_path / "restored"
    secret.write_text("correct horse battery staple\n")
    secret.chmod(0o600)
    service = make_service(mosquitto.url)
    service.start()
    load = Load(mosquitto.port)
    load.fire("dorm-1")
    admin = service.client()
    run_twinward.until(lambda: admin.get("/tickets").json()["items"], timeout_s=20, what="a ticket")
    load.start()
    run_twinward.until(lambda: load.sent > PER_SECOND, timeout_s=20, what="load")
    before = stored(service)
    arguments = ("backup", archive, "--passphrase-file", secret, "--config", service.config, "--json")
    with subprocess.Popen(twinward(*arguments), stdout=subprocess.PIPE, env=ENVIRONMENT) as process:
        run_twinward.until((service.data / ".backup").exists, timeout_s=30, what="copies", every_s=0.01)
        load.fire("dorm-3")
        begin_s = time.monotonic()
        run_twinward.until(
            lambda: len(places(admin)) == 2, timeout_s=20, what="a ticket during the backup", every_s=0.05
        )
        alarm_s = time.monotonic() - begin_s
        made = json.loads(process.communicate(timeout=60)[0])
    assert alarm_s < 3
    load.stop()
    during = stored(service)
    service.kill()
    assert archive.stat().st_mode & 0o777 == 0o600
    assert before <= sum(made["readings"].values()) <= during
    assert made["counts"]["alerts.sqlite"]["tickets"] in {1, 2}
    assert sorted(path.name for path in service.data.iterdir() if "backup" in path.name) == ["backup.lock"]
    done = run("restore", archive, folder, "--passphrase-file", secret, "--json")
    assert (done["counts"], done["readings"], done["store"]) == (made["counts"], made["readings"], made["store"])
    again = make_service(mosquitto.url)
    again.data.parent.joinpath("data").symlink_to(folder)
    again.start()
    load = Load(mosquitto.port)
    assert stored(again) >= sum(made["readings"].values())
    identity = json.loads((folder / "installation.json").read_bytes())
    assert identity == {
        "installation": done["installation"],
        "generation": 2,
        "repairs": [],
    }  # a repair would have raised it further
    client = again.client()
    load.fire("dorm-2")
    wanted = {"unassigned:dorm-1", "unassigned:dorm-2"}
    run_twinward.until(lambda: wanted <= places(client), timeout_s=20, what="the old ticket and a new one")
    load.stop()
    assert again.stop() == 0
    assert run("verify", "log", "--data", folder, "--json")["ok"]
    assert "is not empty" in run("restore", archive, folder, "--passphrase-file", secret, ok=False)["error"]
