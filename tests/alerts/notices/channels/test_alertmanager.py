"""Alertmanager channel against Debian's prometheus-alertmanager."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from alerts import Notice
from alerts.notices.channels.alertmanager import AlertmanagerChannel, AlertmanagerSettings
from tests.processes import Alertmanager, until


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run Alertmanager; return its address."""
    server = Alertmanager(tmp_path_factory.mktemp("alertmanager"))
    server.start()
    until(lambda: ready(server.url), timeout_s=60, what="Alertmanager")
    yield server.url
    server.stop()


def ready(url: str) -> bool:
    """Return whether Alertmanager answers."""
    try:
        return httpx.get(f"{url}/-/ready", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def alerts(url: str, alarm: str) -> list[tuple[str, str]]:
    """Return severity and label `drill` of the firing alerts of a hazard."""
    found = httpx.get(f"{url}/api/v2/alerts", params={"filter": f"alarm_id={alarm}"}, timeout=5).json()
    return sorted((one["labels"]["severity"], one["labels"]["drill"]) for one in found)


def channel(url: str) -> AlertmanagerChannel:
    """Return the channel of an address."""
    settings = AlertmanagerSettings(name="am", url=f"{url}/api/v2/alerts", allow_private=True)
    return AlertmanagerChannel(settings, time.time_ns)


def test_an_alert_follows_its_hazard_to_the_end(alertmanager: str, notice: Callable[..., Notice]) -> None:
    """Raised grade: one alert with the new severity. Cleared: none. Again: it fires again."""
    sender, own = channel(alertmanager), {"alarm_id": "course"}
    steps: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
        ("hazard.opened", {"grade": "orange"}, [("error", "false")]),
        ("hazard.raised", {"grade": "red"}, [("critical", "false")]),
        ("hazard.changed", {"grade": "yellow"}, [("warning", "false")]),
        ("hazard.cleared", {"grade": "yellow", "active": False}, []),
        ("hazard.relapsed", {"grade": "red"}, [("critical", "false")]),
    ]
    for kind, changes, expected in steps:
        receipt = sender.deliver(notice(kind, f"msg_{kind}", **own, **changes))
        assert receipt.delivered, receipt.error
        assert alerts(alertmanager, "course") == expected


def test_a_drill_has_its_label(alertmanager: str, notice: Callable[..., Notice]) -> None:
    """Routes of Alertmanager can distinguish drills."""
    assert channel(alertmanager).deliver(notice(alarm_id="drill", drill=True)).delivered
    assert alerts(alertmanager, "drill") == [("critical", "true")]


def test_a_refused_alert_is_a_permanent_failure(alertmanager: str, notice: Callable[..., Notice]) -> None:
    """Alertmanager's 400 is not retried; a stopped one is."""
    sender = channel(alertmanager)
    sender._alerts = lambda _: [{"labels": {}}]
    refused = sender.deliver(notice())
    assert (refused.delivered, refused.retry, refused.error) == (False, False, "HTTP 400")
    assert channel("http://127.0.0.1:9").deliver(notice()).retry


def test_only_the_course_of_hazards_is_sent(alertmanager: str, notice: Callable[..., Notice]) -> None:
    """Tickets and faults of the service have no alert."""
    sender = channel(alertmanager)
    kinds = ("hazard.opened", "hazard.cleared", "ticket.assign", "service.fault", "order.evacuate")
    assert [sender.accepts(kind, {}, pages=True) for kind in kinds] == [True, True, False, False, False]
    assert not sender.deliver(notice(alarm_id=None)).delivered
