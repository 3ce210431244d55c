"""PagerDuty channel against a fake with the forms, sizes and rate limit of its API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from alerts import Notice
from alerts.notices.channels.pagerduty import PagerDutyChannel, PagerDutySettings

KEY = "0123456789abcdef0123456789abcdef"
SEVERITIES = ("critical", "error", "warning", "info")


class Events:
    """The Events API: 120 events a minute; incidents by dedup_key."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.times: list[float] = []
        self.throttled = 0
        self.incidents: dict[str, str] = {}

    def __call__(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Answer one event."""
        event = json.loads(body)
        if sum(at_s > self.now_s - 60 for at_s in self.times) >= 120:
            self.throttled += 1
            return 429, b""
        self.times.append(self.now_s)
        if path != "/v2/enqueue" or headers["content-type"] != "application/json" or not self._valid(event, body):
            return 400, b'{"status":"invalid event"}'
        states = {"trigger": "triggered", "acknowledge": "acknowledged", "resolve": "resolved"}
        self.incidents[event["dedup_key"]] = states[event["event_action"]]
        return 202, b'{"status":"success"}'

    @staticmethod
    def _valid(event: dict[str, Any], body: bytes) -> bool:
        if event.get("routing_key") != KEY or len(event.get("dedup_key", "")) > 255 or len(body) > 512_000:
            return False
        if event["event_action"] != "trigger":
            return event["event_action"] in {"acknowledge", "resolve"} and bool(event["dedup_key"])
        payload = event.get("payload", {})
        summary = payload.get("summary", "")
        return 0 < len(summary) <= 1024 and bool(payload.get("source")) and payload.get("severity") in SEVERITIES


@pytest.fixture
def events(peer: Any) -> Events:
    """Return the running fake."""
    peer.answer = Events()
    return peer.answer


def channel(peer: Any, events: Events, key: str = KEY) -> PagerDutyChannel:
    """Return the channel on the clock of the fake."""
    settings = PagerDutySettings(name="pd", routing_key=key, url=peer.url("/v2/enqueue"), allow_private=True)
    return PagerDutyChannel(settings, monotonic=lambda: events.now_s)


def test_one_incident_follows_its_hazard(peer: Any, events: Events, notice: Callable[..., Notice]) -> None:
    """Trigger and resolve have the id of the hazard."""
    sender = channel(peer, events)
    for kind, state in (
        ("hazard.opened", "triggered"),
        ("hazard.raised", "triggered"),
        ("hazard.cleared", "resolved"),
    ):
        assert sender.deliver(notice(kind)).delivered
        assert events.incidents == {notice().body["alarm_id"]: state}
    assert peer.connections == 1  # kept


def test_a_long_name_does_not_keep_an_event_back(peer: Any, events: Events, notice: Callable[..., Notice]) -> None:
    """A summary has at most 1,024 characters."""
    assert channel(peer, events).deliver(notice(text={"zh": "烟" * 2_000, "en": "s" * 2_000})).delivered


def test_failures_are_classified_without_the_key(peer: Any, events: Events, notice: Callable[..., Notice]) -> None:
    """400 is permanent, 429 and 500 are retried."""
    wrong = channel(peer, events, "f" * 32).deliver(notice())
    assert (wrong.delivered, wrong.retry, wrong.error) == (False, False, "HTTP 400")
    sender = channel(peer, events)
    peer.answer = lambda *_: (500, b"")
    assert sender.deliver(notice()).retry
    peer.answer = lambda *_: (429, b"")
    assert sender.deliver(notice()).retry
    assert sender.deliver(notice()).error == "the rate limit of the integration"
    assert KEY not in repr(PagerDutySettings(name="pd", routing_key=KEY))


def test_a_storm_never_exceeds_the_rate_and_red_overtakes(
    peer: Any, events: Events, notice: Callable[..., Notice]
) -> None:
    """300 alarms in a minute: PagerDuty refuses none, and red ones leave although lower ones wait."""
    sender, red = channel(peer, events), 0
    for number in range(300):
        events.now_s += 0.2
        grade = "red" if number % 30 == 0 else "orange"
        receipt = sender.deliver(notice(notice_id=f"msg_{number}", alarm_id=f"h{number}", grade=grade))
        red += receipt.delivered and grade == "red"
    assert events.throttled == 0
    assert red == 10


def test_drills_and_silent_changes_are_not_sent(peer: Any, events: Events) -> None:
    """Only pages trigger."""
    sender = channel(peer, events)
    assert sender.accepts("hazard.opened", {"drill": False}, pages=True)
    assert not sender.accepts("hazard.opened", {"drill": True}, pages=True)
    assert not sender.accepts("hazard.opened", {}, pages=False)
    assert sender.accepts("hazard.cleared", {}, pages=False)
