"""Full disk: no false acknowledgement, reads continue, the service recovers automatically."""

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
    """A file system of 64 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        run_twinward.unavailable(f"no file system can be mounted: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(path: Path) -> None:
    """Fill the file system to the last byte."""
    with path.open("ab", buffering=0) as file:
        for size in (1 << 20, 4_096, 1):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError:
                os.sync()


def status(client: httpx.Client, path: str) -> int:
    """Return the status of the answer, or 0 after a broken connection."""
    try:
        return client.get(path, params=ASKED).status_code
    except httpx.TransportError:
        return 0


class Users:
    """Requests of users on the full disk, about once a second, with counts of the answers."""

    def __init__(self, service: Any) -> None:
        self._service, self.client = service, service.client()
        self._hazard = self.client.get("/hazards", params={"limit": 1}).json()["items"][0]["id"]
        self._ticket = self.client.get("/tickets", params={"limit": 1}).json()["items"][0]
        fixer = {"username": "fixer", "password": "a long enough password", "roles": ["fixer"], "sites": None}
        assert self.client.post("/users", json=fixer).status_code == 201
        self.reads: Counter[int] = Counter()
        self.writes: Counter[int] = Counter()
        self.sign_ins: Counter[int] = Counter()
        self.unclear: list[str] = []

    def _write(self, path: str, fields: dict[str, str]) -> None:
        answer = self.client.post(path, json=fields, headers={"If-Match": f'"{self._ticket["version"]}"'})
        self.writes[answer.status_code] += 1
        problem = answer.json()
        if (answer.status_code, problem.get("cause"), answer.headers.get("retry-after")) != (503, "disk_full", "5"):
            self.unclear.append(answer.text)

    def round(self) -> None:
        """Make every kind of read, two writes, and a sign-in with a read."""
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
def test_the_service_recovers_from_a_full_disk(
    mosquitto: Any, small_disk: Path, rig: Any, sink: Any, notify: str
) -> None:
    """Full under load: the service pages from memory, reads answer, the broker queues the messages.

    Writes of users are rejected with the reason. With free space everything is stored once, and the ticket's notice has
    the id of the page.
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
    users = Users(service)
    fill(small_disk / "ballast")
    filled_s, before, late = time.monotonic(), rig.data_of(service).total()["stored"], []
    while time.monotonic() - filled_s < full_s:
        late += alarms.every(full_s / 24, 3)
        users.round()
    rig.until(lambda: set(late) <= set(sink.alarms()), timeout_s=rig.bound_s(SENT_S), what="every alarm sent")
    assert not service.ready()
    unstored = [place for place in late if place in alarms.missing()]
    condition = users.client.get("/condition").json()
    during = rig.data_of(service).total()["stored"] - before
    (small_disk / "ballast").unlink()
    freed_s = time.monotonic()
    rig.until(service.ready, timeout_s=rig.bound_s(BACK_S), what="ready again")
    rig.until(lambda: not alarms.missing(), timeout_s=rig.bound_s(BACK_S), what="a ticket for every alarm")
    back_s = time.monotonic() - freed_s
    sender.finish()
    rig.caught_up(service, sender.count + len(alarms.raised))
    rig.until(lambda: sink.of_type("service.recovered"), timeout_s=60, what="the end of the fault reported")
    sent_s = sorted(sink.alarms()[place][0][0] - alarms.raised[place] for place in unstored)
    rig.report(
        full_s=full_s,
        reads=dict(users.reads),
        writes=dict(users.writes),
        sign_ins=dict(users.sign_ins),
        stored_meanwhile=during,
        alarms_from_memory=len(unstored),
        sent_after_s=[round(sent_s[len(sent_s) // 2], 2), round(sent_s[-1], 2)],
        back_s=round(back_s, 1),
    )
    assert unstored
    assert sent_s[-1] <= rig.bound_s(SENT_S)
    rig.until(lambda: settled(users.client, unstored, sink), timeout_s=60, what="every alarm's notice marked as sent")
    over = "the end of the log's fault reported"
    rig.until(lambda: sink.reported("service.recovered", "log"), timeout_s=60, what=over)
    check_notices(sink, condition, users.client, unstored)
    assert set(users.reads) == {200}
    assert set(users.sign_ins) == {200}
    assert set(users.writes) == {503}
    assert not users.unclear
    assert back_s <= rig.bound_s(BACK_S)
    assert not alarms.duplicated
    check_sign_ins(users)
    assert service.stop() == 0
    rig.data_of(service).check(sender)


@pytest.mark.broker
def test_three_processes_page_from_memory(mosquitto: Any, small_disk: Path, rig: Any, sink: Any, notify: str) -> None:
    """With one process per role, the alert process detects the fault and receives messages on its own session."""
    service = rig.service(mosquitto.url, extra=notify)
    service.data.symlink_to(small_disk)
    service.start("ingest", "detect", "alert")
    alarms = rig.alarms(mosquitto.port, service)
    alarms.every(0.2, 2)
    rig.until(lambda: not alarms.missing(), timeout_s=rig.bound_s(BACK_S), what="a ticket for every early alarm")
    fill(small_disk / "ballast")
    rig.until(lambda: sink.reported("service.fault", "log"), timeout_s=rig.bound_s(BACK_S), what="the fault reported")
    late = alarms.every(0.2, 5)
    rig.until(lambda: set(late) <= set(sink.alarms()), timeout_s=rig.bound_s(SENT_S), what="every alarm sent")
    assert set(late) <= set(alarms.missing())
    (small_disk / "ballast").unlink()
    rig.until(lambda: not alarms.missing(), timeout_s=rig.bound_s(BACK_S), what="a ticket for every alarm")
    assert not alarms.duplicated
    assert service.stop() == 0


@pytest.mark.broker
def test_a_service_started_on_a_full_disk_pages(
    mosquitto: Any, small_disk: Path, rig: Any, sink: Any, notify: str
) -> None:
    """Killed on a full disk, the service starts again, pages from memory and stores the alarms later."""
    service = rig.service(mosquitto.url, extra=notify)
    service.data.symlink_to(small_disk)
    service.start()
    alarms = rig.alarms(mosquitto.port, service)
    early = alarms.every(0.2, 2)
    rig.until(lambda: set(early) <= set(sink.alarms()), timeout_s=rig.bound_s(BACK_S), what="every early alarm sent")
    fill(small_disk / "ballast")
    service.kill()
    service.spawn()
    rig.until(lambda: sink.of_type("service.fault"), timeout_s=60, what="started, and the fault reported")
    late = alarms.every(0.2, 3)
    rig.until(lambda: set(late) <= set(sink.alarms()), timeout_s=rig.bound_s(SENT_S), what="every alarm sent")
    assert set(late) <= set(alarms.missing())
    (small_disk / "ballast").unlink()
    rig.until(lambda: not alarms.missing(), timeout_s=rig.bound_s(BACK_S), what="a ticket for every alarm")
    assert {place: len({number for _, number, _ in sink.alarms()[place]}) for place in late} == dict.fromkeys(late, 1)
    assert service.stop() == 0


def settled(client: httpx.Client, unstored: list[str], sink: Any) -> bool:
    """Return whether the notices of these alarms are stored as sent."""
    sent = {row["id"] for row in every(client, "/notices") if row["state"] == "sent"}
    return {sink.alarms()[place][0][1] for place in unstored} <= sent


def check_notices(sink: Any, condition: dict[str, Any], client: httpx.Client, unstored: list[str]) -> None:
    """Check one message per alarm, with the id of its stored notice, and the notices of the fault itself."""
    by_id = {row["id"]: row for row in every(client, "/notices")}
    notices = sink.alarms()
    assert {place: len({number for _, number, _ in messages}) for place, messages in notices.items()} == dict.fromkeys(
        notices, 1
    )
    assert all(len(notices[place]) == 1 for place in unstored)
    for place in unstored:
        _, number, data = notices[place][0]
        assert by_id[number]["hazard"] == data["alarm_id"]
    assert [fault["cause"] for fault in condition["faults"] if fault["part"] == "log"] == ["disk_full"]
    assert {alarm["alarm_id"] for alarm in condition["alarms"]} >= {
        notices[place][0][2]["alarm_id"] for place in unstored
    }
    (fault,), (over,) = (
        [data for _, _, data in sink.of_type(kind) if data["part"] == "log"]
        for kind in ("service.fault", "service.recovered")
    )
    assert fault["since"] == over["since"]


def check_sign_ins(users: Users) -> None:
    """Check that the audit contains each sign-in on the full disk once, marked as written late."""
    entries = [row for row in every(users.client, "/audit") if row["kind"] == "session.opened"]
    late = [row for row in entries if row["facts"].get("written_late")]
    assert len(late) == users.sign_ins[200]


def every(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    """Return all rows of a list."""
    rows: list[dict[str, Any]] = []
    following: str | None = "0"
    while following is not None:
        asked = {"limit": 1_000} | ({} if not rows else {"cursor": following})
        answer = client.get(path, params=asked).json()
        rows += answer["items"]
        following = answer["next"]
    return rows
