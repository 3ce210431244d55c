"""Response schemas of notices and audit entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

import alerts

from .fields import Body, Count, HazardId, List, SiteId, TicketId, Time, Username, moment


class Notice(Body):
    """One notice to a person or program, with its delivery.

    `body` is free-form: it is the payload of the notice, and each `type` has its own fields.
    """

    id: Annotated[str, Field(examples=["msg_5f0c2d1e9a7b4c3d8e6f1a2b"])]
    site: SiteId
    hazard: HazardId
    ticket: TicketId
    channel: Annotated[str, Field(examples=["console"])]
    type: Annotated[str, Field(examples=["hazard.opened"])]
    created_at: Time | None
    state: Literal["pending", "sent", "failed", "withdrawn"]
    attempts: Count
    next_at: Annotated[Time | None, Field(description="next attempt, null unless pending")]
    delivered_at: Time | None
    error: Annotated[str, Field(description="error of the last attempt, empty after a success", examples=[""])]
    body: Annotated[dict[str, Any], Field(examples=[{"alarm_id": "5f0c2d1e9a7b4c3d8e6f1a2b", "grade": "red"}])]


class NoticeList(List[Notice]):
    """One page of notices."""


class AuditEntry(Body):
    """One entry of the journal.

    `facts` is free-form: each `kind` has its own fields.
    """

    seq: Count
    at: Time | None
    actor: Username
    actor_name: Annotated[
        dict[str, str] | None, Field(description="shown name, of an ended account as well", examples=[{"en": "Wang"}])
    ]
    kind: Annotated[str, Field(examples=["ticket.assign"])]
    site: SiteId
    subject: Annotated[str, Field(description="id of the hazard, ticket, sensor or account", examples=["smoke-412"])]
    facts: Annotated[dict[str, Any], Field(examples=[{"from": "graded", "to": "assigned"}])]


class AuditEntryList(List[AuditEntry]):
    """One page of journal entries."""


def audit_body(event: alerts.Event, names: Mapping[str, Mapping[str, str]]) -> AuditEntry:
    """Return one journal entry. names: user name -> shown name."""
    name = names.get(event.actor)
    return AuditEntry(
        seq=event.seq,
        at=moment(event.at_ns),
        actor=event.actor,
        actor_name=dict(name) if name else None,
        kind=event.kind,
        site=event.site,
        subject=event.subject,
        facts=dict(event.facts),
    )


def notice_body(notice: alerts.Notice) -> Notice:
    """Return one notice with its delivery."""
    same = ("id", "site", "hazard", "ticket", "channel", "type", "state", "attempts", "error")
    fields: dict[str, Any] = {name: getattr(notice, name) for name in same}
    return Notice(
        **fields,
        created_at=moment(notice.created_ns),
        next_at=moment(notice.next_ns) if notice.state == "pending" else None,
        delivered_at=moment(notice.delivered_ns),
        body=_without_address(notice.body),
    )


def _without_address(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload without the telephone number or address of a person."""
    to = body.get("to")
    return dict(body) if to is None else {**body, "to": {key: to[key] for key in to if key != "address"}}
