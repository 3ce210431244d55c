"""Service faults: broker and processes, dead or frozen, are reported within 10 s, and so is their end."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import httpx
import pytest

REPORTED_S = 10
"""Bound of the report of a start or an end."""
SLACK_S = 5
"""A short run shares its machine."""


def parts(service: Any) -> list[str]:
    """Return the parts with a fault that `/readyz` lists; it must then answer 503."""
    answer = httpx.get(f"{service.url}/readyz", timeout=5)
    found = [fault["part"] for fault in answer.json()["faults"] if fault["grade"] == "red"]
    assert (answer.status_code == 503) or not found
    return found


def reported(sink: Any, kind: str, part: str) -> bool:
    """Return whether the channel received a notice of that fault."""
    return any(data["part"] == part for _, _, data in sink.of_type(kind))


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
    rig.until(lambda: reported(sink, "service.fault", "broker"), timeout_s=SLACK_S, what="the fault on the channel")
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
    rig.until(lambda: reported(sink, "service.recovered", "broker"), timeout_s=SLACK_S, what="the end on the channel")
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
        rig.until(lambda part=part: reported(sink, "service.fault", part), timeout_s=SLACK_S, what="the notice")
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
        lambda: reported(sink, "service.fault", "role_alert"),
        timeout_s=REPORTED_S + SLACK_S,
        what="the fault on the channel",
    )
    rig.report(reported_after_s=round(time.monotonic() - begun_s, 1))
    if number == signal.SIGSTOP:
        service.processes["alert"].send_signal(signal.SIGCONT)
        rig.until(
            lambda: reported(sink, "service.recovered", "role_alert"),
            timeout_s=2 * REPORTED_S,
            what="the end on the channel",
        )
    assert len([data for _, _, data in sink.of_type("service.fault") if data["part"] == "role_alert"]) == 1
