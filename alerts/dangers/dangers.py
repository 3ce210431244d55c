"""Records of hidden dangers: found, found again, merged, with hazards as evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from alerts.database import journal, rows
from alerts.database.row_changes import RowChange, added
from alerts.database.schema import danger_hazards, dangers, risk_points
from alerts.errors import NotFound
from alerts.model import Danger, Hazard, identity
from alerts.risk.causes import causes
from alerts.risk.content import read_content
from alerts.risk.registry import Registry, RiskPoint

from . import guide
from .clauses import Clause

CHANGED = "changed"
"""State of an approved risk point with an edit that waits for its approval."""

_OWN = (risk_points.c.site == bindparam("the_site")) & risk_points.c.live.is_not(None)
_POINTS = select(risk_points.c.id, risk_points.c.approved).where(
    _OWN, (risk_points.c.zone == bindparam("the_zone")) | (risk_points.c.state == CHANGED)
)
_APPROVED = select(risk_points.c.id).where(_OWN).limit(1)
_LINK = insert(danger_hazards)
_OF_HAZARD = (
    select(dangers)
    .join(danger_hazards, danger_hazards.c.danger == dangers.c.id)
    .where(danger_hazards.c.hazard == bindparam("hazard"))
)
"""Statement of each hazard. It is built once: building it costs more than its execution."""


class Dangers:
    """Writes dangers within the caller's transaction."""

    def __init__(self, connection: Connection, registry: Registry) -> None:
        self._connection, self._registry = connection, registry

    @cached_property
    def _clauses(self) -> Mapping[str, Clause]:
        """The clauses, read once in the transaction."""
        return guide.clauses(self._connection)

    def find(self, danger_id: str) -> Danger:
        """Return one danger. Raises NotFound."""
        row = self._connection.execute(select(dangers).where(dangers.c.id == danger_id)).first()
        if row is None:
            raise NotFound("danger", danger_id)
        return rows.record(Danger, row)

    def of_hazard(self, hazard_id: str) -> Danger | None:
        """Return the danger to which a hazard belongs, None without one."""
        row = self._connection.execute(_OF_HAZARD, {"hazard": hazard_id}).first()
        return rows.record(Danger, row) if row else None

    def add_by_hazard(self, hazard: Hazard, now_ns: int) -> Danger:
        """Add the danger that a hazard shows, with the clauses that make it a candidate major danger."""
        key = self._registry.zone_of(hazard.site, hazard.place).key
        found = Danger(
            id=identity("danger", hazard.id),
            site=hazard.site,
            zone=hazard.zone,
            place=hazard.place,
            risk_point=self._risk_point(hazard.site, hazard.zone, hazard.place, hazard.cause),
            cause=hazard.cause,
            source="sensor",
            text=dict(hazard.text),
            found_by="",
            found_ns=now_ns,
            reports=1,
            clauses=guide.candidates(self._clauses.values(), hazard, key),
            merged_into=None,
            version=1,
        )
        self._add(found, "system", self._link(hazard, found.id), now_ns=now_ns)
        return found

    def add_by_person(
        self,
        *,
        site: str,
        place: str,
        cause: str,
        source: str,
        text: Mapping[str, str],
        clauses: Iterable[str],
        actor: str,
        number: str,
        now_ns: int,
    ) -> Danger:
        """Add a danger that a person found. number: unique in the site; actor: "" for the public."""
        zone = self._registry.zone_of(site, place).id
        found = Danger(
            id=identity("danger", site, place, cause, number),
            site=site,
            zone=zone,
            place=place,
            risk_point=self._risk_point(site, zone, place, cause),
            cause=cause,
            source=source,
            text=dict(text),
            found_by=actor,
            found_ns=now_ns,
            reports=1,
            clauses=tuple(dict.fromkeys(clauses)),
            merged_into=None,
            version=1,
        )
        self._add(found, actor or "public", [], now_ns=now_ns)
        return found

    def join(self, danger: Danger, hazard: Hazard, now_ns: int) -> Danger:
        """Add a hazard to the evidence of a danger of the same place and cause."""
        key = self._registry.zone_of(hazard.site, hazard.place).key
        more = guide.candidates(self._clauses.values(), hazard, key)
        after = replace(danger, clauses=tuple(dict.fromkeys((*danger.clauses, *more))))
        facts = {"hazard": hazard.id, "source": "sensor"}
        return self._again(danger, after, "system", facts, links=self._link(hazard, danger.id), now_ns=now_ns)

    def found_again(self, danger: Danger, actor: str, *, source: str, text: Mapping[str, str], now_ns: int) -> Danger:
        """Record that a person found an open danger once more."""
        return self._again(
            danger, danger, actor or "public", {"source": source, "text": dict(text)}, links=[], now_ns=now_ns
        )

    def merge(self, danger: Danger, into: Danger, actor: str, now_ns: int) -> None:
        """Mark a danger as a duplicate of another one, which gets its evidence."""
        moved = self._connection.scalars(
            select(danger_hazards.c.hazard).where(danger_hazards.c.danger == danger.id)
        ).all()
        self._connection.execute(
            update(danger_hazards).where(danger_hazards.c.danger == danger.id).values(danger=into.id)
        )
        links = [added(danger_hazards, {"hazard": one, "danger": into.id, "site": danger.site}) for one in moved]
        gone = replace(danger, merged_into=into.id, version=danger.version + 1)
        self._save(danger, gone, "danger.merged", actor, {"into": into.id}, links=links, now_ns=now_ns)
        more = tuple(dict.fromkeys((*into.clauses, *danger.clauses)))
        grown = replace(into, reports=into.reports + danger.reports, clauses=more, version=into.version + 1)
        self._save(into, grown, "danger.found_again", actor, {"merged": danger.id}, links=[], now_ns=now_ns)

    def cite(self, danger: Danger, clauses: tuple[str, ...], actor: str, now_ns: int) -> Danger:
        """Set the clauses of a danger: a person names one, or dismisses the candidates."""
        after = replace(danger, clauses=clauses, version=danger.version + 1)
        return self._save(danger, after, "danger.cited", actor, {"clauses": list(clauses)}, links=[], now_ns=now_ns)

    def _risk_point(self, site: str, zone: str, place: str, cause: str) -> str:
        """Return the risk point of a place and cause, "" without one; one of the place before one of the zone."""
        near = [point for point in self._points(site, zone) if point.zone == zone and point.place in {"", place}]
        fitting = [one for one in near if (known := causes().get(one.hazard)) is not None and known.name == cause]
        ranked = sorted(fitting or [one for one in near if not one.hazard], key=lambda one: (one.place == "", one.id))
        return ranked[0].id if ranked else ""

    def _points(self, site: str, zone: str) -> list[RiskPoint]:
        """Return the approved risk points of the zone, and some others; without a register those of the campus file.

        The column of the zone is the one of the newest edit; an approved point of another zone may move by an edit.
        """
        wanted = {"the_site": site, "the_zone": zone}
        if found := self._connection.execute(_POINTS, wanted).all():
            return [read_content(row.approved).point(site, row.id) for row in found]
        if self._connection.execute(_APPROVED, {"the_site": site}).first() is not None:
            return []
        return [point for point in self._registry.risk_points if point.site == site]

    def _again(
        self,
        before: Danger,
        after: Danger,
        actor: str,
        facts: Mapping[str, Any],
        *,
        links: list[RowChange],
        now_ns: int,
    ) -> Danger:
        grown = replace(after, reports=before.reports + 1, version=before.version + 1)
        return self._save(before, grown, "danger.found_again", actor, facts, links=links, now_ns=now_ns)

    def _add(self, danger: Danger, actor: str, links: list[RowChange], *, now_ns: int) -> None:
        rows.add(self._connection, dangers, danger)
        facts = {"cause": danger.cause, "place": danger.place, "source": danger.source, "clauses": list(danger.clauses)}
        self._record("danger.found", danger, actor, facts, [rows.change(dangers, None, danger), *links], now_ns=now_ns)

    def _save(
        self,
        before: Danger,
        after: Danger,
        kind: str,
        actor: str,
        facts: Mapping[str, Any],
        *,
        links: list[RowChange],
        now_ns: int,
    ) -> Danger:
        rows.save(self._connection, dangers, after)
        self._record(kind, after, actor, facts, [rows.change(dangers, before, after), *links], now_ns=now_ns)
        return after

    def _link(self, hazard: Hazard, danger: str) -> list[RowChange]:
        row = {"hazard": hazard.id, "danger": danger, "site": hazard.site}
        self._connection.execute(_LINK, row)
        return [added(danger_hazards, row)]

    def _record(
        self, kind: str, danger: Danger, actor: str, facts: Mapping[str, Any], changes: list[RowChange], *, now_ns: int
    ) -> None:
        journal.append(
            self._connection,
            at_ns=now_ns,
            actor=actor,
            kind=kind,
            site=danger.site,
            subject=danger.id,
            facts=facts,
            rows=changes,
        )
