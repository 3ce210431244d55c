"""Prometheus Alertmanager, API v2: one alert for each hazard, which ends with the hazard.

An alert's labels identify it. A hazard that changes its grade ends the alerts of its other grades in the same request.
Alertmanager resolves an alert without an end after its `resolve_timeout`; each alert therefore has an end far ahead.
Source: github.com/prometheus/alertmanager, api/v2/openapi.yaml (postableAlert).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from annotated_types import Interval, Unit, doc

from alerts.model import Notice, Receipt
from alerts.timestamps import format_time, parse_time
from ingest.tables import FilledText

from .contract import ACKNOWLEDGEMENTS
from .destinations import read_destination
from .exchange import FAILURES, Exchange
from .receipts import http_receipt
from .routes import GRADES, Route

TIMEOUT_S = 5.0
DAY_NS = 86_400_000_000_000
SEVERITIES: Mapping[str, str] = {"red": "critical", "orange": "error", "yellow": "warning", "blue": "info"}
_FOLLOWED = frozenset(
    ("hazard.opened", "hazard.raised", "hazard.changed", "hazard.joined", "hazard.relapsed", *ACKNOWLEDGEMENTS)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerSettings(Route):
    """Alertmanager, API v2."""

    url: Annotated[FilledText, doc("address ending in /api/v2/alerts")]
    allow_private: Annotated[bool, doc("whether the address may be private or plain http")] = False
    keep_d: Annotated[float, Interval(ge=1, le=365), Unit("d"), doc("end of an alert whose hazard never clears")] = 30.0


class AlertmanagerChannel:
    """One Alertmanager. It receives the course of hazards, drills with their label."""

    for_programs = True
    keeps_state = True

    def __init__(self, settings: AlertmanagerSettings, clock: Callable[[], int]) -> None:
        """Raises ChannelError for a URL that is not allowed. clock: ns since 1970 UTC."""
        self.name, self._keep_ns, self._clock = settings.name, int(settings.keep_d * DAY_NS), clock
        destination = read_destination(settings.name, settings.url, allow_private=settings.allow_private)
        self._exchange = Exchange(destination, allow_private=settings.allow_private, timeout_s=TIMEOUT_S)

    def accepts(self, kind: str, body: Mapping[str, Any], *, pages: bool) -> bool:
        """Return whether the notice begins, changes or ends a hazard."""
        del body, pages
        return kind in _FOLLOWED or kind == "hazard.cleared"

    def deliver(self, notice: Notice) -> Receipt:
        """Post the alert of the hazard once, with the ends of the alerts of its other grades."""
        if "alarm_id" not in notice.body:  # a fault of the service: the dead-man signal reports it
            return Receipt(delivered=False, retry=False, error="the notice is about no hazard")
        body = orjson.dumps(self._alerts(notice))
        try:
            return http_receipt(self._exchange.post({"content-type": "application/json"}, body))
        except (*FAILURES, OSError, ValueError) as error:
            return Receipt(delivered=False, error=f"{type(error).__name__}: {error}")

    def _alerts(self, notice: Notice) -> list[dict[str, Any]]:
        body, begin_ns = notice.body, parse_time(notice.body["opened_at"])
        ends = notice.type == "hazard.cleared"
        ended_ns, kept_ns = max(self._clock(), begin_ns + 1_000_000), self._clock() + self._keep_ns
        begins = notice.type == "hazard.opened"
        grades = [grade for grade in GRADES if grade == body["grade"] or not begins]
        return [
            {
                "labels": _labels(body, grade),
                "annotations": _annotations(body),
                "startsAt": format_time(begin_ns),
                "endsAt": format_time(ended_ns if ends or grade != body["grade"] else kept_ns),
            }
            for grade in grades
        ]


def _labels(body: Mapping[str, Any], grade: str) -> dict[str, str]:
    """Return the labels that identify the alert. Without the hazard's kind, which may change in its course."""
    return {
        "alertname": "TwinwardHazard",
        "alarm_id": body["alarm_id"],
        "site": body["site"],
        "zone": body["zone"],
        "grade": grade,
        "severity": SEVERITIES[grade],
        "drill": "true" if body.get("drill") else "false",
    }


def _annotations(body: Mapping[str, Any]) -> dict[str, str]:
    place, words = body.get("place", {}), body.get("text", {})
    found = {
        "summary": f"{place.get('en', '')}: {words.get('en', '')}",
        "summary_zh": f"{place.get('zh', '')}：{words.get('zh', '')}",
        "kind": body.get("kind", ""),
        "ticket": body.get("ticket") or "",
        "acknowledged_by": body.get("acknowledged_by") or "",
    }
    return {key: value for key, value in found.items() if value}
