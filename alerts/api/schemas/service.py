"""Response schemas of errors, own faults and health checks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

import alerts

from .fields import Body, Both, Colour, HazardKind, SiteId, Time, ZoneId, both
from .people import Enrolment

_ALARM = ("site", "zone", "kind", "grade", "opened_at")


class WrongField(Body):
    """One invalid field. text: the message in both languages, where people read it."""

    path: Annotated[str, Field(description="path of the field", examples=["limit"])]
    message: Annotated[str, Field(examples=["Input should be greater than or equal to 1"])]
    text: Annotated[Both | None, Field(exclude_if=lambda value: value is None)] = None


class Problem(Body):
    """An error as problem+json (RFC 9457). The members after `detail` are present where they apply."""

    type: Annotated[str, Field(description="stable type", examples=["urn:twinward:problem:not-found"])]
    title: Annotated[str, Field(examples=["not found"])]
    status: Annotated[int, Field(ge=400, le=599, examples=[404])]
    detail: Annotated[str, Field(examples=["no hazard '5f0c'"])]
    errors: Annotated[list[WrongField] | None, Field(description="invalid fields (422)")] = None
    guard: Annotated[str | None, Field(description="check that refused the action (409)", examples=["proof"])] = None
    cause: Annotated[str | None, Field(description="storage fault (503)", examples=["disk_full"])] = None
    text: Annotated[Both, Field(description="for people, in both languages")]
    second_factor: Annotated[
        Literal["code", "enrolment"] | None, Field(description="the sign-in needs a code, or a new authenticator (401)")
    ] = None
    enrolment: Annotated[Enrolment | None, Field(description="secret of the new authenticator (401)")] = None


class Fault(Body):
    """One own fault of the service."""

    part: Annotated[str, Field(examples=["log"])]
    cause: Annotated[str, Field(examples=["disk_full"])]
    grade: Colour
    since: Time
    text: Both


class UnstoredAlarm(Body):
    """One alarm sent in degraded mode that the database does not hold yet. told_at: time of its notice."""

    id: Annotated[str, Field(examples=["msg_5f0c2d1e9a7b4c3d8e6f1a2b"])]
    type: Annotated[str, Field(examples=["hazard.opened"])]
    told_at: Time
    alarm_id: Annotated[str | None, Field(examples=["5f0c2d1e9a7b4c3d8e6f1a2b"])]
    site: SiteId | None
    zone: ZoneId | None
    place: Both | str | None
    kind: HazardKind | None
    grade: Colour | None
    opened_at: Time | None
    text: Both | None


class Condition(Body):
    """Own faults of the service, and alarms that the database does not hold yet.

    live: whether readings of sensors reach the service and its screen. now: the clock of the service.
    transport: of the HTTP interface; plain: reachable from other machines without TLS, as the settings permit.
    """

    live: bool
    transport: Literal["loopback", "tls", "proxy", "plain"]
    now: Time
    faults: list[Fault]
    alarms: list[UnstoredAlarm]


class RunningRecipe(Body):
    """The rules as they run. digest: as on each record; overrides: number of parameters that the site changed."""

    name: Annotated[str, Field(examples=["campus"])]
    version: Annotated[int, Field(ge=0, description="version of the file", examples=[1])]
    digest: Annotated[str, Field(examples=["5c1f0e9a77d2b604"])]
    overrides: Annotated[int, Field(ge=0, examples=[2])]


class Readiness(Body):
    """Health check of each part. A fault of grade yellow leaves the service ready."""

    ready: bool
    recipe: RunningRecipe
    parts: Annotated[dict[str, bool], Field(examples=[{"log": True, "database": True}])]
    faults: list[Fault]


class Liveness(Body):
    """The process runs."""

    status: Literal["ok"]


def fault_body(fault: alerts.ServiceFault) -> Fault:
    """Return one own fault."""
    since = alerts.format_time(fault.since_ns)
    grade: Any = fault.grade
    return Fault(part=fault.part, cause=fault.cause.code, grade=grade, since=since, text=both(fault.text))


def alarm_body(notice: alerts.Notice) -> UnstoredAlarm:
    """Return one alarm that the database does not hold yet."""
    fields: dict[str, Any] = {name: notice.body.get(name) for name in _ALARM}
    place, text = notice.body.get("place"), notice.body.get("text")
    return UnstoredAlarm(
        id=notice.id,
        type=notice.type,
        told_at=alerts.format_time(notice.created_ns),
        alarm_id=notice.body.get("alarm_id"),
        place=both(place) if isinstance(place, dict) else place,
        text=both(text) if isinstance(text, dict) else None,
        **fields,
    )
