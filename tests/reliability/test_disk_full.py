"""The whole service on a disk that fills up: nothing falsely acknowledged, reads go on, it comes back by itself."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

RATE, SENSORS = 1_000, 50
SIZE_MIB = 64
FULL_S, FULL_LONG_S = 6, 120
BACK_S = 10
ASKED = {"sensor": "d1", "site": "rel", "metric": "people_in_total"}


@pytest.fixture
def small_disk(tmp_path: Path, run_twinward: Any) -> Iterator[Path]:
    """A file system of some megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        run_twinward.unavailable(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(path: Path) -> None:
    """Take every byte that is left."""
    with path.open("ab", buffering=0) as file:
        for size in (1 << 20, 4_096, 1):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError:
                os.sync()


def status(client: httpx.Client, path: str) -> int:
    """Status of the answer; 0 when the connection broke."""
    try:
        return client.get(path, params=ASKED).status_code
    except httpx.TransportError:
        return 0


@pytest.mark.broker
def test_a_full_disk_stops_nothing_for_good(mosquitto: Any, small_disk: Path, rig: Any) -> None:
    """Full in the middle of the stream: reads answer, the broker keeps what comes; soon back after there is room."""
    service = rig.service(mosquitto.url)
    service.data.symlink_to(small_disk)
    service.start()
    client = service.client()
    alarms = rig.alarms(mosquitto.port, service)
    full_s = rig.size(FULL_S, FULL_LONG_S)
    sender = rig.sender(mosquitto.url, rate=RATE, count=RATE * (full_s + 4), sensors=SENSORS)
    time.sleep(2)
    alarms.every(0.2, 3)
    fill(small_disk / "ballast")
    before = rig.kept(service).total()["stored"]
    late = alarms.every(full_s / 6, 3)
    time.sleep(full_s / 2)
    statuses = [status(client, path) for path in ("/sensors", "/readings", "/tickets", "/hazards")]
    assert not service.ready()
    during = rig.kept(service).total()["stored"] - before
    in_time = [place for place in late if place not in alarms.missing()]
    (small_disk / "ballast").unlink()
    freed_s = time.monotonic()
    rig.until(service.ready, timeout_s=rig.bound_s(BACK_S), what="ready again")
    rig.until(lambda: not alarms.missing(), timeout_s=rig.bound_s(BACK_S), what="a ticket for every alarm")
    back_s = time.monotonic() - freed_s
    sender.finish()
    rig.caught_up(service, sender.count + len(alarms.raised))
    rig.tell(
        full_s=full_s, reads=statuses, stored_meanwhile=during, alarms_meanwhile=len(in_time), back_s=round(back_s, 1)
    )
    assert back_s <= rig.bound_s(BACK_S)
    assert not alarms.doubled
    assert service.stop() == 0
    rig.kept(service).check(sender)
    assert statuses == [200] * 4
