"""What became of every reading, and what was refused."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query

from alerts import require

from .parts import ActorIn, PartsIn
from .shapes import Json, moment

router = APIRouter(tags=["accounting"])


@router.get("/accounting")
def accounting(service: PartsIn, actor: ActorIn) -> Json:
    """Received = stored + duplicate + quarantined; `residual` is what is left over, and is zero."""
    require(actor, "see_accounts_of_readings")
    told = service.telemetry.accounting()
    if actor.sites is not None:
        told["by"] = [row for row in told["by"] if actor.sees(row["site"])]
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


@router.get("/quarantine")
def quarantine(
    service: PartsIn,
    actor: ActorIn,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    before: Annotated[int | None, Query(ge=1, le=2**62, description="older than this id")] = None,
) -> Json:
    """A sample of refused messages, the newest first, with personal data masked."""
    require(actor, "see_quarantine")
    rows = [row for row in service.telemetry.quarantine(limit, before) if actor.sees(row["site"])]
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
        }
        for row in rows
    ]
    return {"items": items, "next": str(items[-1]["id"]) if len(items) == limit else None}
