"""Service faults of broker, processes, store, queue, clock and sensors: reported within 10 s."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from ingest.stores.influxdb import create_database
from twinward.standby.watches import OBSERVED_S_MIN, QUEUE_S

REPORTED_S = 10
"""Bound of the report of a start or an end."""
DAY_S = 86_400
MOVABLE_CLOCKS = Path(__file__).with_name("movable_clocks")
SLACK_S = 5
"""A short run shares its machine."""


def parts(service: Any) -> list[str]:
    """Return the parts with a fault that `/readyz` lists; it must then answer 503."""
    answer = httpx.get(f"{service.url}/readyz", timeout=5)
    found = [fault["part"] for fault in answer.json()["faults"] if fault["grade"] == "red"]
    assert (answer.status_code == 503) or not found
    return found


@pytest.mark.broker
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_broker_that_dies_or_freezes_is_reported(
    mosquitto: Any, rig: Any, sink: Any, notify: str, number: signal.Signals
) -> None:
    """Channel, `/readyz` and `/condition` report start and end; the screen is not live meanwhile."""
    service = rig.service(mosquitto.url, extra=notify)
    service.start()
    client = service.client()
    alarms = rig.alarms(mosquitto.port, service)
    alarms.raise_one()
    rig.until(lambda: not alarms.missing(), timeout_s=20, what="a ticket")
    assert client.get("/condition").json()["live"]
    os.kill(mosquitto.pid, number)
    begun_s = time.monotonic()
    rig.until(lambda: "broker" in parts(service), timeout_s=REPORTED_S + SLACK_S, what="the fault in /readyz")
    rig.until(lambda: sink.reported("service.fault", "broker"), timeout_s=SLACK_S, what="the fault on the channel")
    found_s = time.monotonic() - begun_s
    condition = client.get("/condition").json()
    assert (condition["live"], [fault["part"] for fault in condition["faults"]]) == (False, ["broker"])
    if number == signal.SIGSTOP:
        os.kill(mosquitto.pid, signal.SIGCONT)
    else:
        mosquitto.kill()
        mosquitto.start()
    back_s = time.monotonic()
    rig.until(lambda: not parts(service), timeout_s=2 * REPORTED_S + SLACK_S, what="the end in /readyz")
    rig.until(lambda: sink.reported("service.recovered", "broker"), timeout_s=SLACK_S, what="the end on the channel")
    rig.report(reported_after_s=round(found_s, 1), ended_after_s=round(time.monotonic() - back_s, 1))
    assert client.get("/condition").json()["live"]


@pytest.mark.broker
def test_processes_that_freeze_or_die_are_reported_and_fires_page(
    mosquitto: Any, rig: Any, sink: Any, notify: str
) -> None:
    """With ingest frozen, then detection killed, the fault is reported and each fire is sent from memory.

    Each has one ticket. A message without a time may page twice: two processes received it at two times.
    """
    service = rig.service(mosquitto.url, extra=notify)
    service.start("ingest", "detect", "alert")
    alarms = rig.alarms(mosquitto.port, service)
    alarms.raise_one()
    rig.until(lambda: not alarms.missing(), timeout_s=20, what="a ticket")
    for role, number in (("ingest", signal.SIGSTOP), ("detect", signal.SIGKILL)):
        service.processes[role].send_signal(number)
        begun_s = time.monotonic()
        places = alarms.every(0.5, 2)
        part = f"role_{role}"
        rig.until(lambda part=part: part in parts(service), timeout_s=REPORTED_S + SLACK_S, what=f"{role} in /readyz")
        rig.until(lambda part=part: sink.reported("service.fault", part), timeout_s=SLACK_S, what="the notice")
        found_s = time.monotonic() - begun_s
        places += alarms.every(0.5, 4)
        rig.until(lambda late=places[2:]: set(late) <= set(sink.alarms()), timeout_s=3 + SLACK_S, what="every page")
        if number == signal.SIGSTOP:
            service.processes[role].send_signal(signal.SIGCONT)
        else:
            service.processes[role].wait(10)
            service.spawn(role)
        rig.until(lambda: not alarms.missing(), timeout_s=30, what="a ticket for every alarm")
        rig.until(lambda late=places: set(late) <= set(sink.alarms()), timeout_s=SLACK_S, what="every page")
        rig.report(role=role, reported_after_s=round(found_s, 1))
    notices = sink.alarms()
    assert max(len(messages) for messages in notices.values()) <= 2
    assert not alarms.duplicated


@pytest.mark.broker
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_an_alert_process_that_dies_or_freezes_is_reported_by_ingest(
    mosquitto: Any, rig: Any, sink: Any, notify: str, number: signal.Signals
) -> None:
    """The process with HTTP and channels is away: one notice of its start comes from another process."""
    service = rig.service(mosquitto.url, extra=notify)
    service.start("ingest", "detect", "alert")
    service.processes["alert"].send_signal(number)
    begun_s = time.monotonic()
    rig.until(
        lambda: sink.reported("service.fault", "role_alert"),
        timeout_s=REPORTED_S + SLACK_S,
        what="the fault on the channel",
    )
    rig.report(reported_after_s=round(time.monotonic() - begun_s, 1))
    if number == signal.SIGSTOP:
        service.processes["alert"].send_signal(signal.SIGCONT)
        rig.until(
            lambda: sink.reported("service.recovered", "role_alert"),
            timeout_s=2 * REPORTED_S,
            what="the end on the channel",
        )
    assert len([data for _, _, data in sink.of_type("service.fault") if data["part"] == "role_alert"]) == 1


class MovableClocks:
    """Wall clock and monotonic clock of a service that is not yet started."""

    def __init__(self, service: Any) -> None:
        self._file = service.folder / "clocks"
        path = os.pathsep.join(filter(None, (str(MOVABLE_CLOCKS), os.environ.get("PYTHONPATH"))))
        service.environment |= {"CLOCK_OFFSETS": str(self._file), "PYTHONPATH": path}
        self.move()

    def move(self, *, wall_s: int = 0, monotonic_s: int = 0) -> Callable[[], bool]:
        """Set the offsets; return a function that returns whether the service has them."""
        text, fresh = f"{wall_s} {monotonic_s}", self._file.with_suffix(".new")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self._file)
        return lambda: self._file.with_suffix(".taken").read_text(encoding="utf-8") == text


class Stream:
    """The live stream of a service, read by a thread; types of its events."""

    def __init__(self, client: httpx.Client) -> None:
        self.types: list[str] = []
        self._client = client
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def conditions(self) -> int:
        """Return the number of `condition` events so far."""
        return self.types.count("condition")

    def _read(self) -> None:
        with suppress(httpx.TransportError), self._client.stream("GET", "events", timeout=30) as stream:
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    self.types.append(line.removeprefix("event: "))


@pytest.mark.broker
def test_a_store_away_and_an_old_queue_are_reported(
    mosquitto: Any, influxdb: Any, rig: Any, sink: Any, notify: str
) -> None:
    """The store's server stops: `store`, then `queue` as entries wait over 10 s. The live stream has the change."""
    database = f"t{uuid4().hex}"
    create_database(influxdb.url, database)
    store = f'[store]\nkind = "influxdb"\ninflux_url = "{influxdb.url}"\ninflux_database = "{database}"\n'
    service = rig.service(mosquitto.url, extra=f'{store}influx_api = "1"\n{notify}')
    service.start()
    alarms, stream = rig.alarms(mosquitto.port, service), Stream(service.client())
    rig.until(lambda: "heartbeat" in stream.types, timeout_s=SLACK_S, what="the live stream")
    influxdb.stop()
    begun_s, before = time.monotonic(), stream.conditions()
    alarms.raise_one()
    found_s = {}
    for part, bound_s in (("store", REPORTED_S), ("queue", QUEUE_S + REPORTED_S)):
        rig.until(
            lambda part=part: sink.reported("service.fault", part), timeout_s=bound_s + SLACK_S, what=f"fault {part}"
        )
        found_s[part] = round(time.monotonic() - begun_s, 1)
    assert stream.conditions() > before
    faults = {fault["part"]: fault["text"] for fault in service.client().get("/condition").json()["faults"]}
    assert faults["store"]["en"].startswith("the time-series store does not answer")
    assert "queue" in faults
    rig.until(lambda: not alarms.missing(), timeout_s=SLACK_S, what="a ticket while the store is away")
    rig.report(reported_after_s=found_s)


@pytest.mark.broker
@pytest.mark.parametrize(("days", "code"), [(-4_000, "clock_year"), (400, "clock_step")])
def test_an_implausible_clock_is_reported(  # noqa: PLR0917 - fixtures and parameters
    mosquitto: Any, rig: Any, sink: Any, notify: str, days: int, code: str
) -> None:
    """The running service's wall clock jumps by years; channel and `/condition` have the fault, and alarms page."""
    service = rig.service(mosquitto.url, extra=notify)
    clocks = MovableClocks(service)
    service.start()
    alarms = rig.alarms(mosquitto.port, service)
    begun_s = time.monotonic()
    rig.until(clocks.move(wall_s=days * DAY_S), timeout_s=SLACK_S, what="the jump")
    rig.until(lambda: sink.reported("service.fault", "clock"), timeout_s=REPORTED_S + SLACK_S, what="the fault")
    rig.report(reported_after_s=round(time.monotonic() - begun_s, 1))
    answer = httpx.get(f"{service.url}/readyz", timeout=5).json()
    assert [fault["cause"] for fault in answer["faults"] if fault["part"] == "clock"] == [code]
    place = alarms.raise_one()
    rig.until(lambda: place in sink.alarms(), timeout_s=SLACK_S, what="a page")


@pytest.mark.broker
def test_a_fleet_without_any_message_is_reported(mosquitto: Any, rig: Any, sink: Any, notify: str) -> None:
    """120 messages over 10 minutes, then none for over three times the longest pause; a message ends the fault."""
    service = rig.service(mosquitto.url, extra=notify)
    clocks = MovableClocks(service)
    service.start()
    alarms, data, observed_s = rig.alarms(mosquitto.port, service), rig.data_of(service), int(OBSERVED_S_MIN)
    for offset_s, count in ((0, 60), (observed_s, 120)):
        rig.until(clocks.move(monotonic_s=offset_s), timeout_s=SLACK_S, what="the pause")
        for number in range(60):
            alarms.publish(f"env-{number}", b'{"co2": 500}')
        rig.until(lambda count=count: data.total()["stored"] >= count, timeout_s=SLACK_S, what=f"{count} readings")
    assert not sink.reported("service.fault", "sensors")
    begun_s = time.monotonic()
    clocks.move(monotonic_s=5 * observed_s)
    rig.until(lambda: sink.reported("service.fault", "sensors"), timeout_s=REPORTED_S + SLACK_S, what="the fault")
    rig.report(reported_after_s=round(time.monotonic() - begun_s, 1))
    alarms.publish("env-1", b'{"co2": 501}')
    rig.until(lambda: sink.reported("service.recovered", "sensors"), timeout_s=REPORTED_S + SLACK_S, what="the end")
