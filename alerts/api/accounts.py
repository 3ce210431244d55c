"""What became of every reading, and what was refused."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, Field

from alerts import Forbidden, Invalid, NotFound, require

from .dependencies import ActorIn, DependenciesIn, PageIn, listed
from .schemas import Json, moment

router = APIRouter(tags=["accounting"])


class Replay(BaseModel, extra="forbid"):
    """Which refused messages are to be taken in again; null: of every site, for every reason."""

    site: Annotated[str | None, Field(max_length=64, examples=["school-1"])] = None
    reason: Annotated[str | None, Field(max_length=32, examples=["time_past"])] = None


@router.get("/accounting")
def accounting(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    site: Annotated[str | None, Query(max_length=64, description="the site whose devices are asked for")] = None,
    by: Annotated[Literal["format", "device"], Query(description="device: of one site, a page at a time")] = "format",
    *,
    trouble: Annotated[bool, Query(description="only devices with anything refused, repeated, missing")] = False,
) -> Json:
    """Received = stored + duplicate + quarantined; `residual` is what is left over, and is zero.

    By device: `total` of the site = `remainder` + all of its devices; those with trouble come first.
    """
    require(actor, "see_accounts_of_readings")
    if by == "device":
        if site is None:
            raise Invalid({"site": "name the site whose devices are asked for"})
        if not actor.sees(site):
            raise NotFound("site", site)
        found = service.telemetry.accounting_of(site, trouble=trouble, limit=page.limit, offset=page.offset)
        items, following = listed(found["items"], page)
        return found | {"items": items, "next": following}
    told = service.telemetry.accounting()
    if actor.sites is not None or site is not None:
        told["by"] = [row for row in told["by"] if actor.sees(row["site"]) and site in {None, row["site"]}]
        told["total"] = _summed(told["by"])
        told["notices"] = _merged([row.get("notices", {}) for row in told["by"]])
    return told


def _summed(rows: list[Json]) -> Json:
    """The accounts of the given sites in one."""
    total: Json = {name: sum(row[name] for row in rows) for name in ("received", "stored", "duplicate", "residual")}
    return total | {"quarantined": _merged([row["quarantined"] for row in rows])}


def _merged(counts: list[dict[str, int]]) -> dict[str, int]:
    merged: Counter[str] = Counter()
    for row in counts:
        merged.update(row)
    return dict(merged)


@router.get("/clocks")
def clocks(service: DependenciesIn, actor: ActorIn, site: Annotated[str | None, Query(max_length=64)] = None) -> Json:
    """Devices whose clocks are off: seconds added to their times, how far off they may be then, drift, since when."""
    require(actor, "see_accounts_of_readings")
    catalog, items = service.telemetry.catalog, []
    for clock in service.telemetry.clocks():
        if clock["code"] >= len(catalog):
            continue
        sensor = catalog[clock["code"]]
        if actor.sees(sensor.site) and site in {None, sensor.site}:
            items.append(
                {
                    "site": sensor.site,
                    "sensor": sensor.id,
                    "kind": sensor.kind,
                    "offset_s": clock["offset_ns"] / 1e9,
                    "bound_s": clock["bound_ns"] / 1e9,
                    "drift_ppm": clock["drift_ppm"],
                    "since": moment(clock["since_ns"]),
                }
            )
    return {"items": items, "next": None}


@router.get("/quarantine")
def quarantine(
    service: DependenciesIn,
    actor: ActorIn,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    before: Annotated[int | None, Query(ge=1, le=2**62, description="older than this id")] = None,
    site: Annotated[str | None, Query(max_length=64)] = None,
    reason: Annotated[str | None, Query(max_length=32)] = None,
) -> Json:
    """A sample of refused messages, the newest first, with personal data masked."""
    require(actor, "see_quarantine")
    kept = service.telemetry.quarantine(limit, before, site=site, reason=reason)
    rows = [row for row in kept if actor.sees(row["site"])]
    items = [
        {
            "id": row["id"],
            "arrival_at": moment(row["arrival_ns"]),
            "site": row["site"],
            "format": row["format"],
            "topic": row["topic"],
            "reason": row["reason"],
            "detail": row["detail"],
            "payload": row["payload"].decode("utf-8", "replace"),
            "replayable": row["replayable"],
        }
        for row in rows
    ]
    return {"items": items, "next": str(kept[-1]["id"]) if len(kept) == limit else None}


@router.post("/quarantine/replay", status_code=202)
def replay(service: DependenciesIn, actor: ActorIn, given: Annotated[Replay, Body()]) -> Json:
    """Have refused messages taken in again, once their cause is mended; each comes back if it is still refused."""
    require(actor, "replay_quarantine")
    if given.site is None and actor.sites is not None:
        raise Forbidden("replay_quarantine", "name one of your sites")
    if given.site is not None and not actor.sees(given.site):
        raise NotFound("site", given.site)
    number = service.telemetry.replay(site=given.site, reason=given.reason)
    facts = {"reason": given.reason or "", "messages": number}
    service.desk.note("quarantine.replayed", actor.username, site=given.site or "", subject="quarantine", facts=facts)
    return {"messages": number}
