"""Hazard lifecycle: findings of one place and cause open, raise, clear and relapse one hazard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from sqlalchemy import Connection, select

from alerts.database import journal, rows
from alerts.database.schema import findings, hazards
from alerts.model import Finding, Hazard, Ticket, identity
from alerts.notices.outbox import NoticeWriter
from alerts.risk.causes import Cause, causes
from alerts.risk.grading import Method
from detectors import Phase

from .findings import Observation


class TicketUpdates(Protocol):
    """Ticket changes that a hazard causes."""

    def update_ticket(self, hazard: Hazard, *, relapsed: bool, raised: bool, now_ns: int) -> Ticket | None:
        """Update and return the hazard's ticket, None without one."""
        ...


class HazardLifecycle:
    """Applies observations to hazards, tickets and notices within the caller's transaction."""

    def __init__(
        self, connection: Connection, ticketing: TicketUpdates, post: NoticeWriter, *, method: Callable[[str], Method]
    ) -> None:
        """method: grading method of a site."""
        self._connection, self._ticketing, self._notices, self._method = connection, ticketing, post, method

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
            hazard = self._opened(observation, cause)
            rows.add(self._connection, hazards, hazard)
            kind = "hazard.opened"
        else:
            hazard = self._joined(before, seen)
            kind = "hazard.relapsed" if not before.active else _joined_kind(before, hazard, "hazard.joined")
            rows.save(self._connection, hazards, hazard)
        rows.add(self._connection, findings, replace(seen, hazard=hazard.id))
        self._record(kind, hazard, seen, before=before)

    def _same_hazard(self, observation: Observation, cause: Cause) -> Hazard | None:
        """Return the open hazard of this place and cause, or the last one if it cleared within the relapse window."""
        seen = observation.finding
        row = self._connection.execute(
            select(hazards)
            .where(
                hazards.c.site == seen.site,
                hazards.c.place == observation.place,
                hazards.c.cause == cause.name,
                hazards.c.drill == seen.drill,
            )
            .order_by(hazards.c.active.desc(), hazards.c.opened_ns.desc())
            .limit(1)
        ).first()
        if row is None:
            return None
        hazard = rows.record(Hazard, row)
        recent = hazard.cleared_ns is not None and abs(seen.first_ns - hazard.cleared_ns) <= cause.relapse_ns
        return hazard if hazard.active or recent else None

    def _opened(self, observation: Observation, cause: Cause) -> Hazard:
        seen = observation.finding
        assessment = self._method(seen.site).live(seen.level, severity=cause.severity)
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
            text=seen.evidence.get("text", {}),
            clears=seen.evidence.get("clears", {}),
            version=1,
        )

    def _joined(self, hazard: Hazard, seen: Finding) -> Hazard:
        """Return the hazard with one more finding; a cleared hazard becomes active and unacknowledged again."""
        if not hazard.active:
            hazard = replace(hazard, acknowledged_by=None, acknowledged_ns=None, cleared_ns=None)
        joined = replace(hazard, active=True, count=hazard.count + 1, late=hazard.late and seen.late)
        return self._raised(joined, seen)

    def _raised(self, hazard: Hazard, seen: Finding) -> Hazard:
        """Return the hazard after the finding; the grade rises immediately and never falls automatically."""
        assessment = self._method(seen.site).live(seen.level, severity=causes()[seen.kind].severity)
        if assessment.grade < hazard.grade:
            likelihood = assessment.inputs["likelihood"]
            hazard = replace(hazard, grade=assessment.grade, likelihood=likelihood, kind=seen.kind)
        if assessment.grade == hazard.grade:
            text, clears = seen.evidence.get("text", {}), seen.evidence.get("clears", {})
            hazard = replace(hazard, text=text, clears=clears)
        return replace(hazard, updated_ns=max(hazard.updated_ns, seen.last_ns), version=hazard.version + 1)

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
        hazard = self._raised(replace(before, late=before.late and seen.late), seen)
        rows.save(self._connection, hazards, hazard)
        self._record(_joined_kind(before, hazard, "hazard.changed"), hazard, seen, before=before)

    def _clear(self, known: Finding, seen: Finding) -> None:
        rows.save(self._connection, findings, replace(known, active=False, cleared_ns=seen.last_ns))
        before = self._hazard(known.hazard)
        others = select(findings.c.id).where(findings.c.hazard == before.id, findings.c.active).limit(1)
        if self._connection.execute(others).first() is not None:
            return
        updated_ns = max(before.updated_ns, seen.last_ns)
        hazard = replace(
            before, active=False, cleared_ns=seen.last_ns, updated_ns=updated_ns, version=before.version + 1
        )
        rows.save(self._connection, hazards, hazard)
        self._record("hazard.cleared", hazard, seen, before=before)

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
        ticket = self._ticketing.update_ticket(
            hazard, relapsed=kind == "hazard.relapsed", raised=raised, now_ns=seen.recorded_ns
        )
        self._notices.hazard(kind, hazard, ticket, finding=seen.id, step=step, now_ns=seen.recorded_ns)


def _joined_kind(before: Hazard, after: Hazard, otherwise: str) -> str:
    """Return `hazard.raised` for a higher grade or for live evidence after late evidence, else `otherwise`."""
    return "hazard.raised" if after.grade < before.grade or (before.late and not after.late) else otherwise


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
        "gateway_ns": seen.gateway_ns,
        "arrival_ns": seen.arrival_ns,
        "decided_ns": seen.decided_ns,
        "late": seen.late,
        "drill": seen.drill,
        "text": seen.evidence.get("text", {}),
    }
