"""PagerDuty, Events API v2: trigger and resolve under the hazard's id.

Sources: developer.pagerduty.com, Events API v2 (202 accepted, 400 invalid event, 429 too many; summary of 1,024
characters, event of 512 KB); support forum of PagerDuty, thread 3322 (120 events a minute for an integration key).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import orjson
from annotated_types import doc

from alerts.model import Notice, Receipt
from ingest.tables import FilledText, Reads

from .destinations import read_destination
from .exchange import FAILURES, Exchange
from .receipts import http_receipt
from .routes import Route, of_no_hazard
from .sending_rate import SendingRate, Window

TIMEOUT_S = 5.0
SUMMARY_MAX = 1_024
EVENT_BYTES_MAX = 512_000
BLOCK_S = 30.0
"""Pause after a response 429."""
TOO_MANY = 429
SEVERITIES: Mapping[str, str] = {"red": "critical", "orange": "error", "yellow": "warning", "blue": "info"}
ACTIONS: Mapping[str, str] = {
    "hazard.opened": "trigger",
    "hazard.raised": "trigger",
    "hazard.relapsed": "trigger",
    "hazard.acknowledged": "acknowledge",
    "hazard.cleared": "resolve",
    "ticket.mark_false": "resolve",
}
"""Type of a notice -> action of its event."""


def _key(text: Any) -> str:
    if len(text) != 32 or not text.isalnum():  # noqa: PLR2004 - length of an integration key
        raise ValueError
    return str(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerDutySettings(Route):
    """PagerDuty, Events API v2."""

    routing_key: Annotated[str, Reads(_key, "the integration key, 32 letters and digits"), doc("integration key")] = (
        field(repr=False)
    )
    url: Annotated[FilledText, doc("address of the Events API; the one of the EU differs")] = (
        "https://events.pagerduty.com/v2/enqueue"
    )
    allow_private: Annotated[bool, doc("whether the address may be private or plain http")] = False


class PagerDutyChannel:
    """One integration. Drills are never sent: PagerDuty has no state for them."""

    for_programs = True
    keeps_state = True

    def __init__(self, settings: PagerDutySettings, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Raises ChannelError for a URL that is not allowed."""
        self.name, self._routing_key = settings.name, settings.routing_key
        destination = read_destination(settings.name, settings.url, allow_private=settings.allow_private)
        self._exchange = Exchange(destination, allow_private=settings.allow_private, timeout_s=TIMEOUT_S)
        self._rate = SendingRate((Window(108, 60.0),), monotonic)

    def accepts(self, kind: str, body: Mapping[str, Any], *, pages: bool) -> bool:
        """Return whether the notice is an event of a hazard: pages and ends."""
        if kind not in ACTIONS or body.get("drill") or of_no_hazard(body):
            return False
        return pages or ACTIONS[kind] != "trigger"

    def deliver(self, notice: Notice) -> Receipt:
        """Send the event once, unless one more would be refused now."""
        red = notice.body.get("grade") == "red"
        if notice.type not in ACTIONS:
            return Receipt(delivered=False, retry=False, error="the notice is about no hazard")
        if self._rate.wait_s(red=red) > 0:
            return self._rate.refusal("the rate limit of the integration")
        self._rate.note_sent(red=red)
        body = orjson.dumps(self._event(notice))
        if len(body) > EVENT_BYTES_MAX:
            return Receipt(delivered=False, retry=False, error=f"the event is over {EVENT_BYTES_MAX} bytes")
        try:
            status = self._exchange.post({"content-type": "application/json"}, body)
        except (*FAILURES, OSError, ValueError) as error:
            return Receipt(delivered=False, error=f"{type(error).__name__}: {error}")
        if status == TOO_MANY:
            self._rate.block(BLOCK_S)
            return self._rate.refusal(http_receipt(status).error)
        return http_receipt(status)

    def _event(self, notice: Notice) -> dict[str, Any]:
        body, action = notice.body, ACTIONS[notice.type]
        event = {"routing_key": self._routing_key, "event_action": action, "dedup_key": body["alarm_id"]}
        if action != "trigger":
            return event
        place, words = body["place"], body["text"]
        summary = f"{place.get('en', '')}: {words.get('en', '')} / {place.get('zh', '')}：{words.get('zh', '')}"
        payload = {
            "summary": summary[:SUMMARY_MAX],
            "source": f"{body['site']}/{body['zone']}",
            "severity": SEVERITIES[body["grade"]],
            "timestamp": body["opened_at"],
            "component": body["zone"],
            "group": body["site"],
            "class": body["kind"],
            "custom_details": {"grade": body["grade"], "ticket": body.get("ticket"), "notice": notice.id},
        }
        return event | {"payload": payload}
