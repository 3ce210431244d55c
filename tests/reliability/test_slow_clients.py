"""Slow and greedy HTTP clients: idle connections, and parallel reads of one token, delay no alarm."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

RATE, SENSORS = 500, 200
IDLE, READERS = 1_100, 24
FILES = 1_024
"""Usual limit of open files of a process."""
QUIET, ALARMS, EVERY_S = 10, 20, 0.25
SENT_S, READ_SENT_S = 3, 1
"""Bounds of an alarm's page beside idle connections, and beside readers."""
FREE_S = 30


@contextlib.contextmanager
def files_max(number: int) -> Iterator[None]:
    """Limit the open files of processes that start meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def idle_connections(port: int, number: int) -> Iterator[None]:
    """Open connections that send half a request and stay."""
    with contextlib.ExitStack() as opened:
        for _ in range(number):
            client = opened.enter_context(socket.socket())
            client.settimeout(2)
            with contextlib.suppress(OSError):
                client.connect(("127.0.0.1", port))
                client.sendall(b"GET /api/v1/hazards HTTP/1.1\r\nHost: a")
        yield


@contextlib.contextmanager
def readers(service: Any, number: int) -> Iterator[Counter[int]]:
    """Read long lists all the time, with one token; yields the number of answers by status."""
    statuses: Counter[int] = Counter()
    ended = threading.Event()
    headers = {"authorization": service.client().headers["authorization"]}

    def read(path: str) -> None:
        with httpx.Client(base_url=f"{service.url}/api/v1", headers=headers, timeout=20) as client:
            while not ended.is_set():
                answer = client.get(path)
                statuses[answer.status_code] += 1
                ended.wait(0.05 if answer.status_code == 429 else 0)

    with ThreadPoolExecutor(number) as pool:
        for turn in range(number):
            pool.submit(read, ("/sensors?limit=1000", "/hazards?limit=1000", "/tickets?limit=1000")[turn % 3])
        yield statuses
        ended.set()


@pytest.mark.broker
def test_slow_and_greedy_clients_delay_no_alarm(mosquitto: Any, rig: Any, sink: Any, notify: str) -> None:
    """Each alarm beside 1,100 idle connections and beside 24 readers is sent in time, once; then the port is free."""
    service = rig.service(mosquitto.url, extra=notify)
    with files_max(FILES):
        service.start()
    alarms = rig.alarms(mosquitto.port, service)
    sender = rig.sender(mosquitto.url, rate=RATE, count=RATE * 20, sensors=SENSORS)

    def sent_s(number: int) -> list[float]:
        """Raise alarms; return the sorted seconds until each is sent."""
        raised = alarms.every(EVERY_S, number)
        rig.until(lambda: set(raised) <= set(sink.alarms()), timeout_s=60, what="every alarm sent")
        return sorted(sink.alarms()[place][0][0] - alarms.raised[place] for place in raised)

    quiet = sent_s(QUIET)
    with readers(service, READERS) as statuses:
        beside_readers = sent_s(ALARMS)
    with idle_connections(service.port, IDLE):
        beside_idle = sent_s(ALARMS)
        begun_s = time.monotonic()
        rig.until(service.ready, timeout_s=FREE_S, what="an answer beside the idle connections")
        freed_s = time.monotonic() - begun_s
    sender.finish()
    rig.report(
        quiet_s=[round(quiet[len(quiet) // 2], 2), round(quiet[-1], 2)],
        beside_readers_s=[round(beside_readers[ALARMS // 2], 2), round(beside_readers[-1], 2)],
        beside_idle_s=[round(beside_idle[ALARMS // 2], 2), round(beside_idle[-1], 2)],
        freed_s=round(freed_s, 1),
        answers=dict(statuses),
    )
    assert beside_readers[-1] <= rig.bound_s(READ_SENT_S)
    assert beside_idle[-1] <= rig.bound_s(SENT_S)
    assert statuses[200] > 0
    assert statuses[429] > 0
    assert set(statuses) == {200, 429}
    notices = sink.alarms()
    assert {place: len(messages) for place, messages in notices.items()} == dict.fromkeys(notices, 1)
    rig.caught_up(service, sender.count + len(alarms.raised))
    assert service.stop() == 0
