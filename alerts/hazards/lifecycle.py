"""Hazard lifecycle: findings of one place and cause open, raise, lower, clear and relapse one hazard."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from sqlalchemy import Connection, select

from alerts.database import journal, rows
from alerts.database.schema import findings, hazards
from alerts.model import Finding, Hazard, Ticket, identity
from alerts.notices.outbox import NoticeWriter
from alerts.risk.causes import Cause, causes
from alerts.risk.registry import Registry
from detectors import Phase

from . import course
from .findings import Observation


class TicketUpdates(Protocol):
    """Ticket changes that a hazard causes."""

    def update_ticket(self, hazard: Hazard, *, relapsed: bool, raised: bool, now_ns: int) -> Ticket | None:
        """Update and return the hazard's ticket, None without one."""
        ...


class HazardLifecycle:
    """Applies observations to hazards, tickets and notices within the caller's transaction."""

    def __init__(
        self, connection: Connection, ticketing: TicketUpdates, post: NoticeWriter, registry: Registry
    ) -> None:
        self._connection, self._ticketing, self._notices = connection, ticketing, post
        self._registry, self._zone = registry, registry.timezone

    def accept(self, observation: Observation) -> None:
        """Apply one observation; a repeated one changes nothing."""
        if observation.phase is Phase.RAISE and self._is_known(observation.finding.id):
            return
        known = self._open_finding(observation.finding)
        if observation.phase is Phase.CLEAR:
            if known is not None:
                self._clear(known, observation.finding)
        elif known is not None:
            self._change(known, observation.finding)
        else:
            self._raise(observation)

    def _is_known(self, finding_id: str) -> bool:
        """Return whether this detection was applied before; its id comes from its content."""
        return self._connection.execute(select(findings.c.id).where(findings.c.id == finding_id)).first() is not None

    def _open_finding(self, seen: Finding) -> Finding | None:
        row = self._connection.execute(
            select(findings).where(
                findings.c.site == seen.site,
                findings.c.sensor == seen.sensor,
                findings.c.metric == seen.metric,
                findings.c.rule == seen.rule,
                findings.c.drill == seen.drill,
                findings.c.timeline == seen.timeline,
                findings.c.active,
            )
        ).first()
        return rows.record(Finding, row) if row else None

    def _raise(self, observation: Observation) -> None:
        seen, cause = observation.finding, causes()[observation.finding.kind]
        before = self._same_hazard(observation, cause)
        if before is None:
            hazard = self._advanced(self._opened(observation, cause), seen, seen)
            rows.add(self._connection, hazards, hazard)
            rows.add(self._connection, findings, replace(seen, hazard=hazard.id))
            self._record("hazard.opened", hazard, seen, before=None)
            return
        hazard = before if before.active else course.relapsed(before, seen)
        hazard = course.spread(hazard, observation.place)
        hazard = replace(hazard, count=hazard.count + 1, late=hazard.late and seen.late)
        rows.add(self._connection, findings, replace(seen, hazard=hazard.id))
        self._moved("hazard.joined", hazard, seen, before=before)

    def _moved(self, kind: str, hazard: Hazard, seen: Finding, *, before: Hazard) -> None:
        """Save and record an active hazard with the grade and text of its findings after one more detection."""
        hazard = self._advanced(hazard, seen, self._leader(hazard) or seen)
        if not before.active:
            kind = "hazard.relapsed"
        elif hazard.highest_grade < before.highest_grade or before.late > hazard.late or _pages(before, hazard):
            kind = "hazard.raised"
        rows.save(self._connection, hazards, hazard)
        self._record(kind, hazard, seen, before=before)

    def _advanced(self, hazard: Hazard, seen: Finding, leader: Finding) -> Hazard:
        """Return an active hazard after one more detection."""
        method = self._registry.method(hazard.site)
        hazard = course.updated(course.paged(hazard, seen, method), seen)
        return course.led(hazard, leader, method, self._zone)

    def _leader(self, hazard: Hazard) -> Finding | None:
        """Return the active finding with the highest level, the newest of them."""
        row = self._connection.execute(
            select(findings)
            .where(findings.c.hazard == hazard.id, findings.c.active)
            .order_by(findings.c.level.desc(), findings.c.decided_ns.desc(), findings.c.id)
            .limit(1)
        ).first()
        return rows.record(Finding, row) if row else None

    def _same_hazard(self, observation: Observation, cause: Cause) -> Hazard | None:
        """Return the hazard of this place and cause: open, or cleared within the relapse window.

        A cause that spreads joins the open hazard of another place of the same stair, for a time from its begin: an old
        alarm that nobody acknowledged must not take the page of a new fire.
        """
        seen = observation.finding
        alike = (hazards.c.site == seen.site, hazards.c.cause == cause.name, hazards.c.drill == seen.drill)
        if cause.spread_ns and observation.zone:
            standing = select(hazards).where(*alike, hazards.c.zone == observation.zone, hazards.c.active)
            found = self._connection.execute(standing.order_by(hazards.c.opened_ns, hazards.c.id))
            candidates = [rows.record(Hazard, row) for row in found]
            reached = [one for one in candidates if observation.place in (one.place, *one.places)]
            near = [one for one in candidates if self._spreads(one, observation, cause)]
            if reached or near:
                return (reached or near)[0]
        here = select(hazards).where(*alike, hazards.c.place == observation.place)
        newest = here.order_by(hazards.c.active.desc(), hazards.c.opened_ns.desc()).limit(1)
        row_here = self._connection.execute(newest).first()
        if row_here is None:
            return None
        hazard = rows.record(Hazard, row_here)
        recent = hazard.cleared_ns is not None and abs(seen.first_ns - hazard.cleared_ns) <= cause.relapse_ns
        return hazard if hazard.active or recent else None

    def _spreads(self, hazard: Hazard, observation: Observation, cause: Cause) -> bool:
        within = abs(observation.finding.first_ns - hazard.since_ns) <= cause.spread_ns
        return within and self._registry.one_stair(hazard.site, hazard.place, observation.place)

    def _opened(self, observation: Observation, cause: Cause) -> Hazard:
        seen = observation.finding
        assessment = course.assessed(seen, self._registry.method(seen.site))
        return Hazard(
            id=identity("hazard", seen.site, observation.place, cause.name, seen.drill, seen.first_ns),
            site=seen.site,
            zone=observation.zone,
            place=observation.place,
            cause=cause.name,
            kind=seen.kind,
            grade=assessment.grade,
            likelihood=assessment.inputs["likelihood"],
            severity=assessment.inputs["severity"],
            method=f"{assessment.method} {assessment.version}",
            active=True,
            late=seen.late,
            drill=seen.drill,
            count=1,
            opened_ns=seen.first_ns,
            updated_ns=seen.last_ns,
            cleared_ns=None,
            gateway_ns=seen.gateway_ns,
            arrival_ns=seen.arrival_ns,
            decided_ns=seen.decided_ns,
            recorded_ns=seen.recorded_ns,
            acknowledged_by=None,
            acknowledged_ns=None,
            text={},
            clears={},
            since_ns=seen.first_ns,
            highest_grade=assessment.grade,
            highest={},
            paged_grade=course.UNPAGED,
            places=(),
            version=0,
        )

    def _change(self, known: Finding, seen: Finding) -> None:
        moved = replace(
            known,
            level=seen.level,
            last_ns=max(known.last_ns, seen.last_ns),
            score=seen.score,
            evidence=seen.evidence,
            decided_ns=seen.decided_ns,
            late=known.late and seen.late,
        )
        rows.save(self._connection, findings, moved)
        before = self._hazard(known.hazard)
        self._moved("hazard.changed", replace(before, late=before.late and seen.late), seen, before=before)

    def _clear(self, known: Finding, seen: Finding) -> None:
        rows.save(self._connection, findings, replace(known, active=False, cleared_ns=seen.last_ns))
        before = self._hazard(known.hazard)
        leader = self._leader(before)
        hazard = course.updated(before, seen)
        if leader is None:
            hazard, kind = course.cleared(hazard, seen, self._zone), "hazard.cleared"
        else:
            hazard, kind = course.led(hazard, leader, self._registry.method(hazard.site), self._zone), "hazard.changed"
            if (hazard.grade, hazard.kind, hazard.text) == (before.grade, before.kind, before.text):
                return
        rows.save(self._connection, hazards, hazard)
        self._record(kind, hazard, seen, before=before)

    def _hazard(self, hazard_id: str) -> Hazard:
        return rows.record(Hazard, self._connection.execute(select(hazards).where(hazards.c.id == hazard_id)).one())

    def _record(self, kind: str, hazard: Hazard, seen: Finding, *, before: Hazard | None) -> None:
        """Write journal, ticket and notices, in this order: a notice names the ticket."""
        step = journal.append(
            self._connection,
            at_ns=seen.recorded_ns,
            actor="system",
            kind=kind,
            site=hazard.site,
            subject=hazard.id,
            facts=_facts(hazard, seen),
            rows=[rows.change(hazards, before, hazard)],
        )
        raised = kind in {"hazard.joined", "hazard.raised"}
        pages = _pages(before, hazard)
        ticket = self._ticketing.update_ticket(
            hazard, relapsed=kind == "hazard.relapsed", raised=raised, now_ns=seen.recorded_ns
        )
        self._notices.hazard(kind, hazard, ticket, pages=pages, finding=seen.id, step=step, now_ns=seen.recorded_ns)


def _pages(before: Hazard | None, after: Hazard) -> bool:
    """Return whether this change of the hazard pages."""
    if before is None or not before.active or before.acknowledged_by != after.acknowledged_by:
        return after.paged_grade != course.UNPAGED
    return after.active and after.paged_grade != before.paged_grade


def _facts(hazard: Hazard, seen: Finding) -> dict[str, object]:
    """Return the facts of a journal entry: the four times, the grade with its inputs, the text."""
    return {
        "grade": hazard.grade.colour,
        "likelihood": hazard.likelihood,
        "severity": hazard.severity,
        "method": hazard.method,
        "place": hazard.place,
        "sensor": seen.sensor,
        "metric": seen.metric,
        "rule": seen.rule,
        "level": seen.level,
        "event_ns": seen.first_ns,
        "last_ns": seen.last_ns,
        "gateway_ns": seen.gateway_ns,
        "arrival_ns": seen.arrival_ns,
        "decided_ns": seen.decided_ns,
        "late": seen.late,
        "drill": seen.drill,
        "text": seen.evidence.get("text", {}),
    }
