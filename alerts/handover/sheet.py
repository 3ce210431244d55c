"""Sheet of a shift: open alarms, incidents, no data, silences, ignored sensors, actions and calls."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from alerts.alarm_load.annunciations import newest_first
from alerts.database.journal import Event
from alerts.database.schema import findings, hazards, ignored
from alerts.hazards.findings import SILENT
from alerts.risk.causes import off_wall
from alerts.risk.grading import Grade
from alerts.risk.registry import Registry
from alerts.silences.silences import active_now
from alerts.silences.timed import where
from alerts.timestamps import format_time
from detectors import Calendar

LINES_MAX = 12
"""Lines of one section; the sheet states the total, and fits one page of A4."""
STEPS = ("acknowledged", "confirmed", "called", "evacuated", "cleared")
RAISED = frozenset(("hazard.opened", "hazard.relapsed", "hazard.raised"))


def sheet(connection: Connection, registry: Registry, *, site: str, since_ns: int, until_ns: int) -> dict[str, Any]:
    """Return the sheet of a site for a span of time. Every section has `lines`, at most LINES_MAX, and `total`."""
    kinds = [*RAISED, *(f"hazard.{step}" for step in STEPS)]
    events = [e for e in newest_first(connection, kinds, site=site, since_ns=since_ns) if e.at_ns < until_ns]
    events.reverse()
    return {
        "open": _section(_open(connection, registry, site)),
        "incidents": _section(_incidents(connection, registry, events)),
        "no_data": _section(_no_data(connection, site)),
        "ignored": _section(_ignored(connection, site)),
        "silences": _section(_silences(connection, registry, site, until_ns)),
        "calls": _section(_calls(connection, registry, events)),
        "done": dict(sorted(Counter(event.actor for event in events if event.actor != "system").items())),
    }


def _section(lines: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    found = list(lines)
    return {"total": len(found), "lines": found[:LINES_MAX]}


def _open(connection: Connection, registry: Registry, site: str) -> list[dict[str, Any]]:
    mine = select(hazards).where(hazards.c.site == site, ~hazards.c.drill, hazards.c.kind.not_in(sorted(off_wall())))
    standing = mine.where(hazards.c.active | hazards.c.acknowledged_by.is_(None))
    worth = standing.where((hazards.c.grade < Grade.BLUE) | (hazards.c.paged_grade > 0))
    rows = connection.execute(worth.order_by(hazards.c.grade, hazards.c.since_ns))
    return [_hazard(registry, row) | {"acknowledged_by": row.acknowledged_by} for row in rows]


def _incidents(connection: Connection, registry: Registry, events: Sequence[Event]) -> list[dict[str, Any]]:
    """Return the hazards that paged in the shift, each with the time and account of its steps."""
    steps: dict[str, list[Event]] = defaultdict(list)
    paged = [event.subject for event in events if event.kind in RAISED and event.facts.get("page")]
    for event in events:
        steps[event.subject].append(event)
    found = _hazards(connection, paged)
    lines = []
    for identity in dict.fromkeys(paged):
        row = found.get(identity)
        if row is None or row.drill:
            continue
        line = _hazard(registry, row)
        line["steps"] = [
            {"step": event.kind.removeprefix("hazard."), "at": format_time(event.at_ns), "by": event.actor}
            for event in steps[identity]
            if event.kind not in RAISED
        ]
        lines.append(line)
    return lines


def _calls(connection: Connection, registry: Registry, events: Sequence[Event]) -> list[dict[str, Any]]:
    calls = [event for event in events if event.kind == "hazard.called"]
    found = _hazards(connection, [event.subject for event in calls])
    return [
        {"at": format_time(event.at_ns), "by": event.actor, "place": _place(registry, found[event.subject])}
        for event in calls
        if event.subject in found
    ]


def _no_data(connection: Connection, site: str) -> list[dict[str, Any]]:
    columns = (findings.c.sensor, findings.c.kind, findings.c.first_ns)
    here = (findings.c.site == site, findings.c.active, ~findings.c.drill, findings.c.kind.in_(SILENT))
    rows = connection.execute(select(*columns).where(*here).order_by(findings.c.first_ns))
    return [{"sensor": row.sensor, "kind": row.kind, "since": format_time(row.first_ns)} for row in rows]


def _ignored(connection: Connection, site: str) -> list[dict[str, Any]]:
    rows = connection.execute(select(ignored).where(ignored.c.site == site).order_by(ignored.c.sensor))
    return [{"sensor": row.sensor, "reason": row.reason} for row in rows]


def _silences(connection: Connection, registry: Registry, site: str, now_ns: int) -> list[dict[str, Any]]:
    """Return the silences in a window at the end of the shift, the next end first."""
    active = active_now(connection, Calendar.from_table(registry.calendar), site, now_ns)
    return [
        {
            "silence": one.id,
            "place": where(one, registry),
            "cause": one.cause,
            "owner": one.owner,
            "reason": one.reason,
            "until": format_time(end_ns),
            "patrol": one.patrol["by"] if one.patrol else None,
        }
        for one, end_ns in active
    ]


def _hazards(connection: Connection, identities: Sequence[str]) -> dict[str, Row[Any]]:
    rows = connection.execute(select(hazards).where(hazards.c.id.in_(identities)))
    return {row.id: row for row in rows}


def _hazard(registry: Registry, row: Row[Any]) -> dict[str, Any]:
    return {
        "hazard": row.id,
        "place": _place(registry, row),
        "kind": row.kind,
        "grade": Grade(row.highest_grade).colour,
        "since": format_time(row.since_ns),
        "active": row.active,
    }


def _place(registry: Registry, row: Row[Any]) -> dict[str, str]:
    return dict(registry.place_name(row.site, row.place))
