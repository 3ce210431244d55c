"""Writes of the risk register: one row, its change for the audit, and the grade from this time on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from alerts.database import journal
from alerts.database.row_changes import RowChange, added, changed
from alerts.database.schema import printed_cards, risk_grades, risk_points, risk_zones
from alerts.errors import Stale
from alerts.risk.content import Content
from alerts.risk.grading import Grade

from .records import APPROVED, REMOVED, Entry, RegisterZone, State, entry_of


@dataclass(frozen=True, slots=True)
class Change:
    """The transaction of a change. origin: template or list that it comes from, "" for a person's edit."""

    connection: Connection
    by: str
    at_ns: int
    origin: str = ""

    def note(self, kind: str, site: str, subject: str, facts: Mapping[str, Any], rows: list[RowChange]) -> None:
        """Append the journal entry of the change."""
        journal.append(
            self.connection,
            at_ns=self.at_ns,
            actor=self.by,
            kind=kind,
            site=site,
            subject=subject,
            facts=dict(facts) | ({"origin": self.origin} if self.origin else {}),
            rows=rows,
        )


def save_zone(change: Change, site: str, zone: str, *, name: Mapping[str, str], key: str, version: int) -> RegisterZone:
    """Insert or update a zone. version: the present one, 0 for a new zone. Raises Stale."""
    table, connection = risk_zones, change.connection
    same = (table.c.site == site) & (table.c.id == zone)
    before = connection.execute(select(table).where(same)).mappings().first()
    present = before["version"] if before else 0
    if present != version:
        raise Stale(version, present)
    last = connection.scalar(select(func.max(table.c.number)).where(table.c.site == site)) or 0
    names = {"zh": name.get("zh", "").strip(), "en": name.get("en", "").strip()}
    names = {"zh": names["zh"] or names["en"], "en": names["en"] or names["zh"]}
    row: dict[str, Any] = {"site": site, "id": zone, "number": before["number"] if before else last + 1}
    row |= {"name": names, "key": key, "version": present + 1}
    if before is None:
        connection.execute(insert(table).values(row))
        rows = added(table, row)
    else:
        connection.execute(update(table).where(same).values(row))
        rows = changed(table, dict(before), row)
    change.note("risk_zone.edited", site, f"{site}/zone/{zone}", {"version": present + 1, "name": names}, [rows])
    return RegisterZone(**row)


def save_point(
    change: Change, before: Entry | None, site: str, point: str, *, kind: str, content: Content, state: State
) -> Entry:
    """Insert or update a risk point with its journal entry; an approval and a removal add a grade to its course."""
    table, connection = risk_points, change.connection
    same = (table.c.site == site) & (table.c.id == point)
    stored = connection.execute(select(table).where(same)).mappings().first()
    row = dict(stored) if stored else _new(connection, site, point)
    row |= {"zone": content.zone, "state": state, "draft": content.plain(), "version": row["version"] + 1}
    row |= {"edited_by": change.by, "edited_ns": change.at_ns} if state != APPROVED or before is None else {}
    if state == APPROVED:
        row |= _approval(change, row, content)
    elif state == REMOVED:
        row |= {"live": None, "existing": None, "inherent": None, "approved": None}
    if stored is None:
        connection.execute(insert(table).values(row))
        rows = [added(table, row)]
    else:
        connection.execute(update(table).where(same).values(row))
        rows = [changed(table, dict(stored), row)]
    if state in {APPROVED, REMOVED}:
        rows.append(record_grade(change, row, cause=state))
    facts = {"version": row["version"], "state": state, "grade": _colour(row["existing"])}
    change.note(kind, site, f"{site}/{point}", facts, rows)
    return entry_of(row)


def set_live(change: Change, entry: Entry, grade: Grade, facts: Mapping[str, Any], *, kind: str) -> None:
    """Set the live grade of a risk point and add it to the course of its grades."""
    table, row = risk_points, dict(_row(change.connection, entry))
    after = row | {"live": int(grade)}
    same = (table.c.site == entry.site) & (table.c.id == entry.id)
    change.connection.execute(update(table).where(same).values(live=int(grade)))
    rows = [changed(table, row, after), record_grade(change, after, cause="live")]
    change.note(kind, entry.site, entry.subject, facts, rows)


def save_printed(change: Change, site: str, versions: Mapping[str, int]) -> None:
    """Record printed cards with their versions, in one journal entry."""
    table, rows = printed_cards, []
    for point, version in versions.items():
        row = {"site": site, "point": point, "version": version, "printed_by": change.by, "printed_ns": change.at_ns}
        change.connection.execute(delete(table).where((table.c.site == site) & (table.c.point == point)))
        change.connection.execute(insert(table).values(row))
        rows.append(added(table, row))
    change.note("cards.printed", site, f"{site}/cards", {"points": len(rows)}, rows)


def record_grade(change: Change, row: Mapping[str, Any], *, cause: str) -> RowChange:
    """Add the grade of a risk point from this time on; return the change for the journal."""
    grade = {"site": row["site"], "point": row["id"], "since_ns": change.at_ns, "zone": row["zone"]}
    content = row["approved"] or row["draft"]
    grade |= {
        "name": content["name"],
        "grade": row["live"],
        "existing": row["existing"],
        "version": row["version"],
        "cause": cause,
    }
    table = risk_grades
    same = (table.c.site == row["site"]) & (table.c.point == row["id"]) & (table.c.since_ns == change.at_ns)
    change.connection.execute(delete(table).where(same))
    change.connection.execute(insert(table).values(grade))
    return added(table, grade)


def _row(connection: Connection, entry: Entry) -> Mapping[str, Any]:
    query = select(risk_points).where(risk_points.c.site == entry.site, risk_points.c.id == entry.id)
    return dict(connection.execute(query).mappings().one())


def _new(connection: Connection, site: str, point: str) -> dict[str, Any]:
    last = connection.scalar(select(func.max(risk_points.c.number)).where(risk_points.c.site == site)) or 0
    row: dict[str, Any] = dict.fromkeys(column.name for column in risk_points.columns)
    return row | {"site": site, "id": point, "number": last + 1, "version": 0, "approved_version": 0}


def _approval(change: Change, row: Mapping[str, Any], content: Content) -> dict[str, Any]:
    existing = content.existing.assessment().grade
    inherent = content.inherent.assessment().grade if content.inherent else None
    return {
        "approved": content.plain(),
        "approved_version": row["version"],
        "approved_by": change.by,
        "approved_ns": change.at_ns,
        "existing": int(existing),
        "inherent": None if inherent is None else int(inherent),
        "live": int(existing),
    }


def _colour(grade: int | None) -> str | None:
    return None if grade is None else Grade(grade).colour
