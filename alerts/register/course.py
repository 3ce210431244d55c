"""Course of risk grades: the map as of a past time, and counts of live grades by site."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, select

from alerts.database.schema import risk_grades, risk_points
from alerts.risk.grading import Grade


@dataclass(frozen=True, slots=True)
class PastPoint:
    """A risk point with its grade at a time."""

    site: str
    id: str
    zone: str
    name: Mapping[str, str]
    grade: Grade
    existing: Grade
    version: int


def as_of(engine: Engine, sites: Collection[str], at_ns: int) -> list[PastPoint]:
    """Return the graded risk points of sites at a time, by site and id; those removed before it are left out."""
    table = risk_grades
    key = (table.c.site, table.c.point)
    newest = select(*key, func.max(table.c.since_ns).label("since_ns")).where(table.c.since_ns <= at_ns)
    if len(sites) == 1:
        newest = newest.where(table.c.site == next(iter(sites)))
    last = newest.group_by(*key).subquery()
    same = (table.c.site == last.c.site) & (table.c.point == last.c.point) & (table.c.since_ns == last.c.since_ns)
    query = select(table).join(last, same).where(table.c.grade.is_not(None)).order_by(*key)
    with engine.execution_options(writes=False).connect() as connection:
        rows = [row for row in connection.execute(query) if row.site in sites]
    return [
        PastPoint(row.site, row.point, row.zone, row.name, Grade(row.grade), Grade(row.existing), row.version)
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class SiteCounts:
    """Numbers of risk points of a site. grades: by live grade; pending: edits that wait for approval."""

    grades: Mapping[Grade, int]
    pending: int


def counts(engine: Engine, sites: Collection[str]) -> Mapping[str, SiteCounts]:
    """Return the counts of each of these sites that has a register."""
    with engine.execution_options(writes=False).connect() as connection:
        own, wanted = risk_points.c, sorted(sites)
        grades = _grades(connection, wanted)
        waiting = select(own.site, func.count()).where(own.state.in_(("draft", "changed")), own.site.in_(wanted))
        pending = {site: int(n) for site, n in connection.execute(waiting.group_by(own.site))}
    return {site: SiteCounts(grades[site], pending.get(site, 0)) for site in sorted({*grades, *pending})}


def _grades(connection: Connection, sites: Collection[str]) -> dict[str, dict[Grade, int]]:
    own = risk_points.c
    query = select(own.site, own.live, func.count()).where(own.site.in_(sites), own.live.is_not(None))  # null: removed
    found: dict[str, dict[Grade, int]] = defaultdict(dict)
    for site, live, number in connection.execute(query.group_by(own.site, own.live)):
        found[site][Grade(live)] = int(number)
    return found
