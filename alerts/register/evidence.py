"""Evidence of live grading: hazards, open dangers, checks, lost sensors and decisions of some sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from alerts.database import journal
from alerts.database.evidence_rows import false_hazards
from alerts.database.rows import record
from alerts.database.schema import hazards, tickets
from alerts.database.schema import journal as journal_table
from alerts.hazards.provisional import (
    GRADE_DECIDED,
    NEAR_MISSES_MAX,
    Decision,
    decision_of,
)
from alerts.model import Hazard
from alerts.risk.live_rules import DAY_NS, live_rules
from alerts.tickets.loop import FINAL
from alerts.training.records import Lapse

from .checks import Check, last_checks, lost_sensors
from .records import Entry

EVIDENCE_DAYS = 30
SUBJECTS_MAX = 500
"""Subjects that one query names; databases bound its parameters."""


@dataclass(frozen=True, slots=True)
class OpenDanger:
    """An open ticket, or one that ended within the decay of its rule. closed_ns: None while it is open."""

    id: str
    site: str
    zone: str
    place: str
    hazard: str | None
    closed_ns: int | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """State of the database that rules read, of some sites."""

    standing: Sequence[Hazard]
    past: Sequence[Hazard]
    dangers: Sequence[OpenDanger]
    checks: Mapping[tuple[str, str], Mapping[str, Check]]
    lost: Mapping[tuple[str, str], int]
    decisions: Mapping[str, Decision]
    now_ns: int
    lapses: Mapping[str, Sequence[Lapse]]


def evidence(
    connection: Connection, entries: Sequence[Entry], now_ns: int, lapses: Mapping[str, Sequence[Lapse]]
) -> Evidence:
    """Return the evidence on these risk points. lapses: lapsed training by site."""
    sites = sorted({entry.site for entry in entries})
    since_ns = now_ns - EVIDENCE_DAYS * DAY_NS
    own = hazards.c
    standing = select(hazards).where(own.site.in_(sites), own.active, ~own.drill, ~own.late)
    past = select(hazards).where(
        own.site.in_(sites),
        ~own.active,
        ~own.drill,
        ~own.late,
        own.cleared_ns >= since_ns,
        own.id.not_in(false_hazards()),
    )
    past = past.order_by(own.cleared_ns.desc()).limit(NEAR_MISSES_MAX)
    return Evidence(
        [record(Hazard, row) for row in connection.execute(standing)],
        [record(Hazard, row) for row in connection.execute(past)],
        _dangers(connection, sites, now_ns),
        last_checks(connection, sites),
        lost_sensors(connection, sites),
        _decisions(connection, [entry.subject for entry in entries]),
        now_ns,
        lapses,
    )


def _dangers(connection: Connection, sites: Sequence[str], now_ns: int) -> list[OpenDanger]:
    own, since_ns = tickets.c, now_ns - live_rules()["open_dangers"].decay_ns
    ended = own.state.in_(sorted(FINAL))
    columns = (own.id, own.site, own.zone, own.place, own.hazard, own.closed_ns, own.state)
    lasting = ~ended | ((own.state == "closed") & (own.closed_ns >= since_ns))
    rows = connection.execute(select(*columns).where(own.site.in_(sites), lasting)).all()
    return [
        OpenDanger(row.id, row.site, row.zone, row.place, row.hazard, row.closed_ns if row.state in FINAL else None)
        for row in rows
    ]


def _decisions(connection: Connection, subjects: Sequence[str]) -> dict[str, Decision]:
    """Return the newest decision on each risk point."""
    own = journal_table.c
    found: dict[str, Decision] = {}
    for first in range(0, len(subjects), SUBJECTS_MAX):
        part = subjects[first : first + SUBJECTS_MAX]
        newest = select(func.max(own.seq)).where(own.kind == GRADE_DECIDED, own.subject.in_(part)).group_by(own.subject)
        for seq, body in connection.execute(select(own.seq, own.body).where(own.seq.in_(newest))):
            event = journal.entry(seq, body)
            found[event.subject] = decision_of(event.facts, by=event.actor, at_ns=event.at_ns)
    return found
