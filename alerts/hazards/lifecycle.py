"""Hazard lifecycle: findings of one place and cause open, raise, lower, clear and relapse one hazard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from sqlalchemy import Connection

from alerts.database import journal, rows
from alerts.database.schema import findings, hazards
from alerts.model import Finding, Hazard, Ticket, identity
from alerts.notices.writer import NoticeWriter
from alerts.risk.causes import Cause, causes
from alerts.risk.dependencies import depended_on
from alerts.risk.registry import Registry
from alerts.silences.muting import Muting
from detectors import Phase, ended_words

from . import course
from .findings import UNREACHED, Observation
from .stored import LOOKED_UP, StoredAlarms


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
        self._stored, self._muting = StoredAlarms(connection), Muting(connection, registry.calendar)

    def accept_all(self, seen: Sequence[Observation]) -> None:
        """Apply observations, in order."""
        for begin in range(0, len(seen), LOOKED_UP):
            part = seen[begin : begin + LOOKED_UP]
            self._stored.look_up(part)
            for observation in part:
                self.accept(observation)

    def accept(self, observation: Observation) -> None:
        """Apply one of the observations that `accept_all` looked up; a repeated one changes nothing."""
        if observation.phase is Phase.RAISE and self._stored.knows(observation.finding):
            return
        known, seen = self._stored.open_finding(observation.finding), observation.finding
        if observation.phase is Phase.CLEAR:
            if known is not None and not _of_former_rule(seen, known):
                self._clear(known, seen)
        elif known is None:
            self._raise(observation)
        elif observation.phase is Phase.RAISE and _another_version(known, seen):
            self._clear(known, _ended(known, seen))
            self._raise(observation)
        else:
            self._change(known, seen)

    def _raise(self, observation: Observation) -> None:
        seen, cause = observation.finding, causes()[observation.finding.kind]
        before = self._same_hazard(observation, cause)
        if before is None:
            hazard = self._advanced(self._opened(observation, cause), seen, seen)
            rows.add(self._connection, hazards, hazard)
            self._stored.add(replace(seen, hazard=hazard.id))
            self._record("hazard.opened", hazard, seen, before=None)
            return
        hazard = before if before.active else course.relapsed(before, seen)
        hazard = course.spread(hazard, observation.place)
        hazard = replace(hazard, count=hazard.count + 1, late=hazard.late and seen.late)
        self._stored.add(replace(seen, hazard=hazard.id))
        self._moved("hazard.joined", hazard, seen, before=before)

    def _moved(self, kind: str, hazard: Hazard, seen: Finding, *, before: Hazard) -> None:
        """Save and record an active hazard with the grade and text of its findings after one more detection."""
        hazard = self._advanced(hazard, seen, self._stored.leader(hazard) or seen)
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

    def _same_hazard(self, observation: Observation, cause: Cause) -> Hazard | None:
        """Return the hazard of this place and cause: open, or cleared within the relapse window.

        A cause that spreads joins the open hazard of another place of the same stair, for a time from its begin: an old
        alarm that nobody acknowledged must not take the page of a new fire.
        A device without messages joins the hazard of the lost device on which it depends by declaration.
        """
        seen = observation.finding
        if (above := self._depended_on(seen)) is not None:
            return above
        if cause.spread_ns and observation.zone:
            candidates = self._stored.in_zone(observation, cause)
            reached = [one for one in candidates if observation.place in (one.place, *one.places)]
            near = [one for one in candidates if self._spreads(one, observation, cause)]
            if reached or near:
                return (reached or near)[0]
        hazard = self._stored.at_place(observation, cause)
        if hazard is None:
            return None
        recent = hazard.cleared_ns is not None and abs(seen.first_ns - hazard.cleared_ns) <= cause.relapse_ns
        return hazard if hazard.active or recent else None

    def _depended_on(self, seen: Finding) -> Hazard | None:
        """Return the hazard of the nearest lost device on which the sensor depends.

        It suppresses the creation of a hazard alone: the finding stands, clears, and leads the hazard once
        the device above has returned. Other kinds, those of life safety among them, always have their own hazard.
        """
        if seen.kind not in UNREACHED or seen.drill or not self._registry.dependencies:
            return None
        chain = depended_on(self._registry.dependencies, seen.site, seen.sensor)
        lost = (self._stored.of_lost(seen.site, above, UNREACHED) for above in chain)
        return next((one for one in lost if one is not None), None)

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
        before = self._stored.hazard(known.hazard)
        self._moved("hazard.changed", replace(before, late=before.late and seen.late), seen, before=before)

    def _clear(self, known: Finding, seen: Finding) -> None:
        rows.save(self._connection, findings, replace(known, active=False, cleared_ns=seen.last_ns))
        before = self._stored.hazard(known.hazard)
        leader = self._stored.leader(before)
        hazard = course.updated(before, seen)
        if leader is None:
            hazard, kind = course.cleared(hazard, seen, self._zone), "hazard.cleared"
        else:
            hazard, kind = course.led(hazard, leader, self._registry.method(hazard.site), self._zone), "hazard.changed"
            if (hazard.grade, hazard.kind, hazard.text) == (before.grade, before.kind, before.text):
                return
        rows.save(self._connection, hazards, hazard)
        self._record(kind, hazard, seen, before=before)

    def _record(self, kind: str, hazard: Hazard, seen: Finding, *, before: Hazard | None) -> None:
        """Write journal, ticket and notices, in this order: a notice names the ticket."""
        due = _pages(before, hazard)
        pages, silence = self._muting.decide(hazard, seen, pages=due)
        kind = "hazard.raised" if pages and not due else kind
        facts = _facts(hazard, seen)
        if silence is not None:
            self._muting.keep(hazard, seen, silence, facts)
            facts["silenced"] = silence.id
        step = journal.append(
            self._connection,
            at_ns=seen.recorded_ns,
            actor="system",
            kind=kind,
            site=hazard.site,
            subject=hazard.id,
            facts=facts | ({"page": True} if pages else {}),
            rows=[rows.change(hazards, before, hazard)],
        )
        raised = kind in {"hazard.joined", "hazard.raised"}
        ticket = self._ticketing.update_ticket(
            hazard, relapsed=kind == "hazard.relapsed", raised=raised, now_ns=seen.recorded_ns
        )
        self._notices.hazard(
            kind,
            hazard,
            ticket,
            pages=pages,
            finding=seen.id,
            step=step,
            now_ns=seen.recorded_ns,
            muted=silence is not None,
        )


def _of_former_rule(end: Finding, known: Finding) -> bool:
    """Return whether the end of a changed rule's finding comes after the raise of its new version, which stays."""
    return "ended" in end.evidence and known.first_ns > end.first_ns


def _another_version(known: Finding, seen: Finding) -> bool:
    """Return whether another recipe, model or release made the raise: the state behind the open finding is lost.

    A detector raises again only without state. Such a raise pages again rather than never.
    """
    before, now = known.evidence.get("made"), seen.evidence.get("made")
    return before != now and None not in (before, now)


def _ended(known: Finding, seen: Finding) -> Finding:
    """Return the end of an open finding that a new version of its rule raises again."""
    zh, en = ended_words(known.rule, removed=False)
    evidence = {"text": {"zh": zh, "en": en}, "clears": {"zh": zh, "en": en}, "page": False, "ended": "rule_changed"}
    last_ns = max(known.last_ns, seen.first_ns)
    return replace(seen, level=known.level, evidence=evidence, first_ns=known.first_ns, last_ns=last_ns)


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
