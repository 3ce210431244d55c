"""Checks of control measures: each is proved by a sensor or by an inspection within its cycle."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, func, insert, select

from alerts.database.row_changes import added
from alerts.database.schema import findings, measure_checks
from alerts.errors import Invalid
from alerts.risk.causes import causes
from alerts.risk.content import Measure
from alerts.risk.live_rules import DAY_NS

from .changes import Change
from .records import Entry

DEVICE_CAUSES = frozenset(("sensor_health", "detector_lost", "blind"))
"""Causes of hazards that leave a sensor without effect."""
TEST_OVERDUE = "test_overdue"
NO_PRECURSORS = DEVICE_CAUSES | {TEST_OVERDUE, "patrol_missed"}
"""Causes of hazards that are no early findings of a danger."""
DEVICE_KINDS = tuple(kind for kind, cause in causes().items() if cause.name in DEVICE_CAUSES and kind != "battery_low")
NOTE_LENGTH_MAX = 500
MeasureState = Literal["works", "failed", "overdue", "due", "unchecked"]


@dataclass(frozen=True, slots=True)
class Check:
    """Result of one check. works: whether the measure is effective."""

    measure: str
    at_ns: int
    works: bool
    note: str
    by: str


@dataclass(frozen=True, slots=True)
class MeasureStatus:
    """State of a measure. unchecked: without a cycle, a sensor or a check; due: the first cycle is not over.

    by: sensor or person of the proof; next_ns: end of the cycle, None without one.
    """

    measure: Measure
    state: MeasureState
    by: str = ""
    at_ns: int | None = None
    next_ns: int | None = None


def record_check(change: Change, entry: Entry, measure: str, *, works: bool, note: str) -> Check:
    """Record the result of a check of a measure. Raises Invalid for an unknown measure or a long note."""
    content = entry.approved or entry.content
    if measure not in {one.id for one in content.measures}:
        known = [one.id for one in content.measures]
        raise Invalid(
            {"measure": f"{measure!r}: allowed is one of {', '.join(known)}"},
            zh={"measure": f"没有管控措施 {measure!r}；可选：{'、'.join(known)}"},
        )
    if len(note) > NOTE_LENGTH_MAX:
        raise Invalid({"note": f"at most {NOTE_LENGTH_MAX} characters"}, zh={"note": f"最多 {NOTE_LENGTH_MAX} 个字符"})
    row: dict[str, Any] = {
        "id": secrets.token_hex(12),
        "site": entry.site,
        "point": entry.id,
    }
    row |= {"measure": measure, "at_ns": change.at_ns, "works": works, "note": note, "by": change.by}
    change.connection.execute(insert(measure_checks).values(row))
    facts = {"measure": measure, "works": works, "note": note}
    change.note("measure.checked", entry.site, entry.subject, facts, [added(measure_checks, row)])
    return Check(measure, change.at_ns, works, note, change.by)


def last_checks(connection: Connection, sites: Iterable[str]) -> Mapping[tuple[str, str], dict[str, Check]]:
    """Return the newest check of each measure, by (site, point) and measure."""
    table, wanted = measure_checks, sorted(sites)
    key = (table.c.site, table.c.point, table.c.measure)
    newest = select(*key, func.max(table.c.at_ns).label("at_ns")).where(table.c.site.in_(wanted)).group_by(*key)
    last = newest.subquery()
    same = [table.c[name] == last.c[name] for name in ("site", "point", "measure", "at_ns")]
    found: dict[tuple[str, str], dict[str, Check]] = defaultdict(dict)
    for row in connection.execute(select(table).join(last, *[same[0] & same[1] & same[2] & same[3]])):
        found[row.site, row.point][row.measure] = Check(row.measure, row.at_ns, row.works, row.note, row.by)
    return found


def lost_sensors(connection: Connection, sites: Iterable[str]) -> dict[tuple[str, str], int]:
    """Return (site, sensor) -> time since which an active finding reports a sensor without effect."""
    table = findings
    query = select(table.c.site, table.c.sensor, func.min(table.c.first_ns)).where(
        table.c.active, ~table.c.drill, table.c.kind.in_(DEVICE_KINDS), table.c.site.in_(sorted(sites))
    )
    rows = connection.execute(query.group_by(table.c.site, table.c.sensor))
    return {(site, sensor): int(since_ns) for site, sensor, since_ns in rows}


def statuses(
    entry: Entry, checks: Mapping[str, Check], lost: Mapping[tuple[str, str], int], now_ns: int
) -> list[MeasureStatus]:
    """Return the state of each measure of the approved content, or of the draft before its approval."""
    content = entry.approved or entry.content
    begun_ns = entry.approved_ns or entry.edited_ns
    return [
        _status(one, checks.get(one.id), lost.get((entry.site, one.sensor)), begun_ns, now_ns)
        for one in content.measures
    ]


def _status(measure: Measure, check: Check | None, lost_ns: int | None, begun_ns: int, now_ns: int) -> MeasureStatus:
    if measure.sensor and (check is None or check.works):
        return MeasureStatus(measure, "works" if lost_ns is None else "failed", measure.sensor, lost_ns)
    # the failed check of a person overrules a sensor
    next_ns = (check.at_ns if check else begun_ns) + measure.cycle_days * DAY_NS if measure.cycle_days else None
    by, at_ns = (check.by, check.at_ns) if check else ("", None)
    if check and not check.works:
        return MeasureStatus(measure, "failed", by, at_ns, next_ns)
    if next_ns is not None and next_ns < now_ns:
        return MeasureStatus(measure, "overdue", by, at_ns, next_ns)
    state: MeasureState = "works" if check else ("unchecked" if next_ns is None else "due")
    return MeasureStatus(measure, state, by, at_ns, next_ns)
