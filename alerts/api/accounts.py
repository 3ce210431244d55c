"""Routes of the reading accounts, device clocks and the quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Response
from pydantic import BaseModel, Field

from alerts import Actor, Forbidden, Invalid, NotFound, Page
from alerts.database import keyset
from ingest import Sensor

from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, SiteQuery, json_of, listed
from .problem import problems
from .schemas.accounting import (
    Accounting,
    Clock,
    ClockList,
    DeviceAccounting,
    DeviceTally,
    QuarantinedMessage,
    QuarantineList,
    Reprocessing,
)
from .schemas.fields import moment

router = APIRouter(tags=["accounting"])
DEVICES, QUARANTINE, CLOCKS = "accounting", "quarantine", "clocks"


class Reprocess(BaseModel, extra="forbid"):
    """Selection of quarantined messages. null: every site, every reason."""

    site: Annotated[str | None, Field(max_length=64, examples=["school-1"])] = None
    reason: Annotated[str | None, Field(max_length=32, examples=["time_past"])] = None


@router.get("/accounting", response_model=Accounting | DeviceAccounting, responses=problems(404))
def accounting(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    site: SiteQuery = None,
    by: Annotated[
        Literal["format", "device"], Query(description="device: requires `site`; a page at a time")
    ] = "format",
    *,
    trouble: Annotated[bool, Query(description="only devices with quarantined, duplicate or missing readings")] = False,
) -> Response:
    """Return the reading accounts by site and format, or of one site by device.

    received = stored + duplicate + quarantined; the residual is 0. By device, the devices with the most trouble come
    first, and total = remainder + all devices. An account of some sites gets no positions of log and store: they count
    the readings of all sites.
    """
    if by == "device":
        return json_of(_by_device(service, actor, page, site, trouble=trouble))
    accounts = service.telemetry.accounting()
    if actor.sites is not None:  # the positions count the readings of every site
        accounts |= {"log": None, "store": None, "lag": {}}
    if actor.sites is not None or site is not None:
        accounts["by"] = [row for row in accounts["by"] if actor.sees(row["site"]) and site in {None, row["site"]}]
        accounts["total"] = _sum(accounts["by"])
        accounts["notices"] = _merge([row["notices"] for row in accounts["by"]])
    return json_of(accounts)


def _by_device(service: Dependencies, actor: Actor, page: Page, site: str | None, *, trouble: bool) -> DeviceAccounting:
    if site is None:
        raise Invalid.in_both({"site": ("required for the accounts by device", "按设备查看须指定学校")})
    if not actor.sees(site):
        raise NotFound("site", site)
    behind = keyset.decode(DEVICES, page.cursor, (int, int)) if page.cursor else None
    found = service.telemetry.accounting_of(site, trouble=trouble, limit=page.limit, after=behind)
    rows, following = listed(found["items"], page, lambda row: keyset.encode(DEVICES, row["key"]))
    sums = {name: found[name] for name in ("site", "total", "remainder")}
    return DeviceAccounting(**sums, items=[DeviceTally(**row) for row in rows], next=following)


def _sum(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    total: dict[str, Any] = {
        name: sum(row[name] for row in rows) for name in ("received", "stored", "duplicate", "residual")
    }
    return total | {"quarantined": _merge([row["quarantined"] for row in rows])}


def _merge(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    merged: Counter[str] = Counter()
    for row in counts:
        merged.update(row)
    return dict(merged)


@router.get("/clocks")
def clocks(service: DependenciesIn, actor: ActorIn, page: PageIn, site: SiteQuery = None) -> ClockList:
    """List devices with a clock error: offset, bound, drift and time of the estimate."""
    catalog = service.telemetry.catalog
    found = [(catalog[clock["code"]], clock) for clock in service.telemetry.clocks() if clock["code"] < len(catalog)]
    rows = [one for one in found if actor.sees(one[0].site) and site in {None, one[0].site}]
    part = keyset.part(CLOCKS, rows, page, key=lambda one: (one[0].site, one[0].id), types=(str, str))
    shown, following = listed(part, page, lambda one: keyset.encode(CLOCKS, (one[0].site, one[0].id)))
    return ClockList(items=[_clock(*one) for one in shown], next=following)


def _clock(sensor: Sensor, clock: Mapping[str, Any]) -> Clock:
    return Clock(
        site=sensor.site,
        sensor=sensor.id,
        kind=sensor.kind,
        offset_s=clock["offset_ns"] / 1e9,
        bound_s=clock["bound_ns"] / 1e9,
        drift_ppm=clock["drift_ppm"],
        since=moment(clock["since_ns"]),
    )


@router.get("/quarantine")
def quarantine(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    site: SiteQuery = None,
    reason: Annotated[str | None, Query(max_length=32, description="only this reason")] = None,
) -> QuarantineList:
    """List a sample of quarantined messages, the newest first, with personal data masked."""
    before = None
    if page.cursor:
        [before] = keyset.decode(QUARANTINE, page.cursor, (int,))
    found = service.telemetry.quarantine(page.limit, before, sites=_sites(actor, site), reason=reason)
    rows, following = listed(found, page, lambda row: keyset.encode(QUARANTINE, (row["id"],)))
    return QuarantineList(items=[_message(row) for row in rows], next=following)


def _sites(actor: Actor, site: str | None) -> list[str] | None:
    """Return the sites in scope, cut to one where given; None for all sites."""
    if site is not None:
        return [site] if actor.sees(site) else []
    return None if actor.sites is None else sorted(actor.sites)


def _message(row: Mapping[str, Any]) -> QuarantinedMessage:
    same = ("id", "site", "format", "topic", "reason", "detail", "replayable")
    fields: dict[str, Any] = {name: row[name] for name in same}
    payload = row["payload"].decode("utf-8", "replace")
    return QuarantinedMessage(**fields, arrival_at=moment(row["arrival_ns"]), payload=payload)


@router.post("/quarantine/replay", status_code=202, responses=problems(404))
def reprocess(service: DependenciesIn, actor: ActorIn, given: Annotated[Reprocess, Body()]) -> Reprocessing:
    """Reprocess quarantined messages.

    Fix the cause first: a message that is rejected again returns to the quarantine.
    """
    if given.site is None and actor.sites is not None:
        raise Forbidden("replay_quarantine", ("name one of your sites", "请指定您范围内的学校"))
    if given.site is not None and not actor.sees(given.site):
        raise NotFound("site", given.site)
    count = service.telemetry.replay(site=given.site, reason=given.reason)
    facts = {"reason": given.reason or "", "messages": count}
    service.dispatch.note(
        "quarantine.replayed", actor.username, site=given.site or "", subject="quarantine", facts=facts
    )
    return Reprocessing(messages=count)
