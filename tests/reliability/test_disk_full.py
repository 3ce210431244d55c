"""The whole service on a disk that fills up: nothing falsely acknowledged, reads go on, it comes back by itself."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

RATE, SENSORS = 1_000, 50
SIZE_MIB = 64
FULL_S, FULL_LONG_S = 6, 120
BACK_S = 10
SENT_S = 3
READS = ("/sensors", "/readings", "/tickets", "/hazards", "/notices", "/audit", "/accounting", "/condition", "/me")
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


class People:
    """What people try on the full disk, once a second or so, and what they are answered."""

    def __init__(self, service: Any) -> None:
        self._service, self.client = service, service.client()
        self._hazard = self.client.get("/hazards", params={"limit": 1}).json()["items"][0]["id"]
        self._ticket = self.client.get("/tickets", params={"limit": 1}).json()["items"][0]
        self.reads: Counter[int] = Counter()
        self.writes: Counter[int] = Counter()
        self.sign_ins: Counter[int] = Counter()
        self.unclear: list[str] = []

    def _write(self, path: str, fields: dict[str, str]) -> None:
        answer = self.client.post(path, json=fields, headers={"If-Match": f'"{self._ticket["version"]}"'})
        self.writes[answer.status_code] += 1
        told = answer.json()
        if (answer.status_code, told.get("cause"), answer.headers.get("retry-after")) != (503, "disk_full", "5"):
            self.unclear.append(answer.text)

    def round(self) -> None:
        """Every kind of read, a write, and somebody who signs in and looks."""
        for path in READS:
            self.reads[status(self.client, path)] += 1
        step = {"fixer": "fixer", "note": "look at it"}
        self._write(f"/hazards/{self._hazard}/actions/acknowledge", {})
        self._write(f"/tickets/{self._ticket['id']}/actions/assign", step)
        account = {"username": "admin", "password": self._service.environment["TWINWARD_ADMIN_PASSWORD"]}
        entered = httpx.post(f"{self._service.url}/api/v1/session", json=account, timeout=10)
        self.sign_ins[entered.status_code] += 1
        if entered.status_code == 200:
            bearer = {"Authorization": f"Bearer {entered.json()['token']}"}
            self.reads[httpx.get(f"{self._service.url}/api/v1/me", headers=bearer, timeout=10).status_code] += 1


@pytest.mark.broker
def test_a_full_disk_stops_nothing_for_good(mosquitto: Any, small_disk: Path, rig: Any, sink: Any, notify: str) -> None:
    """Full in the middle of the stream: alarms go out from memory, reads answer, the broker keeps what comes.

    Writes by people are refused with the reason; soon after there is room everything is stored, once, and the ticket's
    notice has the id under which the alarm was sent.
    """
    service = rig.service(mosquitto.url, extra=notify)
    service.data.symlink_to(small_disk)
    service.start()
    alarms = rig.alarms(mosquitto.port, service)
    full_s = rig.size(FULL_S, FULL_LONG_S)
    sender = rig.sender(mosquitto.url, rate=RATE, count=RATE * (full_s + 4), sensors=SENSORS)
    time.sleep(2)
    alarms.every(0.2, 3)
    rig.until(lambda: not alarms.missing(), timeout_s=rig.bound_s(BACK_S), what="a ticket for every early alarm")
    people = People(service)
    fill(small_disk / "ballast")
    filled_s, before, late = time.monotonic(), rig.kept(service).total()["stored"], []
    while time.monotonic() - filled_s < full_s:
        late += alarms.every(full_s / 24, 3)
        people.round()
    rig.until(lambda: set(late) <= set(sink.alarms()), timeout_s=rig.bound_s(SENT_S), what="every alarm sent")
    assert not service.ready()
    unstored = [place for place in late if place in alarms.missing()]
    condition = people.client.get("/condition").json()
    during = rig.kept(service).total()["stored"] - before
    (small_disk / "ballast").unlink()
    freed_s = time.monotonic()
    rig.until(service.ready, timeout_s=rig.bound_s(BACK_S), what="ready again")
    rig.until(lambda: not alarms.missing(), timeout_s=rig.bound_s(BACK_S), what="a ticket for every alarm")
    back_s = time.monotonic() - freed_s
    sender.finish()
    rig.caught_up(service, sender.count + len(alarms.raised))
    rig.until(lambda: sink.of_type("service.recovered"), timeout_s=60, what="told that it is over")
    sent_s = sorted(sink.alarms()[place][0][0] - alarms.raised[place] for place in unstored)
    rig.tell(
        full_s=full_s,
        reads=dict(people.reads),
        writes=dict(people.writes),
        sign_ins=dict(people.sign_ins),
        stored_meanwhile=during,
        alarms_from_memory=len(unstored),
        sent_after_s=[round(sent_s[len(sent_s) // 2], 2), round(sent_s[-1], 2)],
        back_s=round(back_s, 1),
    )
    assert unstored
    assert sent_s[-1] <= rig.bound_s(SENT_S)
    rig.until(lambda: settled(people.client, unstored, sink), timeout_s=60, what="every alarm's notice marked as sent")
    over = lambda: [data for _, _, data in sink.of_type("service.recovered") if data["part"] == "log"]  # noqa: E731
    rig.until(over, timeout_s=60, what="told that the fault is over")
    check_told(sink, condition, people.client, unstored)
    assert set(people.reads) == {200}
    assert set(people.sign_ins) == {200}
    assert set(people.writes) == {503}
    assert not people.unclear
    assert back_s <= rig.bound_s(BACK_S)
    assert not alarms.doubled
    check_kept(people)
    assert service.stop() == 0
    rig.kept(service).check(sender)


@pytest.mark.broker
def test_alarms_go_out_from_memory_in_three_processes(
    mosquitto: Any, small_disk: Path, rig: Any, sink: Any, notify: str
) -> None:
    """Where ingest, detection and alerts run apart, the alerting process finds out for itself and listens itself."""
    service = rig.service(mosquitto.url, extra=notify)
    service.data.symlink_to(small_disk)
    service.start("ingest", "detect", "alert")
    alarms = rig.alarms(mosquitto.port, service)
    alarms.every(0.2, 2)
    rig.until(lambda: not alarms.missing(), timeout_s=rig.bound_s(BACK_S), what="a ticket for every early alarm")
    fill(small_disk / "ballast")
    rig.until(lambda: sink.of_type("service.fault"), timeout_s=rig.bound_s(BACK_S), what="told of the fault")
    late = alarms.every(0.2, 5)
    rig.until(lambda: set(late) <= set(sink.alarms()), timeout_s=rig.bound_s(SENT_S), what="every alarm sent")
    assert set(late) <= set(alarms.missing())
    (small_disk / "ballast").unlink()
    rig.until(lambda: not alarms.missing(), timeout_s=rig.bound_s(BACK_S), what="a ticket for every alarm")
    assert not alarms.doubled
    assert service.stop() == 0


@pytest.mark.broker
def test_a_service_that_starts_on_a_full_disk_sends_alarms(
    mosquitto: Any, small_disk: Path, rig: Any, sink: Any, notify: str
) -> None:
    """Killed while the disk is full, it comes up again; what sounds then goes out from memory, and is stored later."""
    service = rig.service(mosquitto.url, extra=notify)
    service.data.symlink_to(small_disk)
    service.start()
    alarms = rig.alarms(mosquitto.port, service)
    early = alarms.every(0.2, 2)
    rig.until(lambda: set(early) <= set(sink.alarms()), timeout_s=rig.bound_s(BACK_S), what="every early alarm sent")
    fill(small_disk / "ballast")
    service.kill()
    service.spawn()
    rig.until(lambda: sink.of_type("service.fault"), timeout_s=60, what="up, and told of the fault")
    late = alarms.every(0.2, 3)
    rig.until(lambda: set(late) <= set(sink.alarms()), timeout_s=rig.bound_s(SENT_S), what="every alarm sent")
    assert set(late) <= set(alarms.missing())
    (small_disk / "ballast").unlink()
    rig.until(lambda: not alarms.missing(), timeout_s=rig.bound_s(BACK_S), what="a ticket for every alarm")
    assert {place: len({number for _, number, _ in sink.alarms()[place]}) for place in late} == dict.fromkeys(late, 1)
    assert service.stop() == 0


def settled(client: httpx.Client, unstored: list[str], sink: Any) -> bool:
    """Whether the notices of those alarms are stored as sent."""
    sent = {row["id"] for row in every(client, "/notices") if row["state"] == "sent"}
    return {sink.alarms()[place][0][1] for place in unstored} <= sent


def check_told(sink: Any, condition: dict[str, Any], client: httpx.Client, unstored: list[str]) -> None:
    """Each alarm under one id, once; it is the id of the notice that is stored by now; the fault itself was told."""
    by_id = {row["id"]: row for row in every(client, "/notices")}
    told = sink.alarms()
    assert {place: len({number for _, number, _ in messages}) for place, messages in told.items()} == dict.fromkeys(
        told, 1
    )
    assert all(len(told[place]) == 1 for place in unstored)
    for place in unstored:
        _, number, data = told[place][0]
        assert by_id[number]["hazard"] == data["alarm_id"]
    assert [fault["cause"] for fault in condition["faults"] if fault["part"] == "log"] == ["disk_full"]
    assert {alarm["alarm_id"] for alarm in condition["alarms"]} >= {told[place][0][2]["alarm_id"] for place in unstored}
    (fault,), (over,) = (
        [data for _, _, data in sink.of_type(kind) if data["part"] == "log"]
        for kind in ("service.fault", "service.recovered")
    )
    assert fault["since"] == over["since"]


def check_kept(people: People) -> None:
    """Whoever signed in on the full disk stands in the audit, each once, with the time of it."""
    entries = [row for row in every(people.client, "/audit") if row["kind"] == "session.opened"]
    late = [row for row in entries if row["facts"].get("written_late")]
    assert len(late) == people.sign_ins[200]


def every(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    """All rows of a list."""
    rows: list[dict[str, Any]] = []
    following: str | None = "0"
    while following is not None:
        asked = {"limit": 1_000} | ({} if not rows else {"cursor": following})
        answer = client.get(path, params=asked).json()
        rows += answer["items"]
        following = answer["next"]
    return rows
