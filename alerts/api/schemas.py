"""Records as the JSON that people's screens and other programs see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alerts import Account, Actor, Event, Finding, Grade, Hazard, Notice, Registry, Step, Ticket, format_time, loop

SECOND_NS = 1_000_000_000
Json = dict[str, Any]


def moment(time_ns: int | None) -> str | None:
    """RFC 3339, or null for no time."""
    return format_time(time_ns) if time_ns else None


def person(account: Account) -> Json:
    """An account without its secrets."""
    sites = None if account.sites is None else sorted(account.sites)
    return {
        "username": account.username,
        "name": dict(account.name),
        "roles": sorted(account.roles),
        "sites": sites,
    }


def hazard_json(hazard: Hazard, registry: Registry, ticket: Ticket | None, found: Sequence[Finding]) -> Json:
    """A hazard with its ticket and sensors."""
    sensors = sorted({(finding.sensor, finding.metric) for finding in found})
    return {
        "id": hazard.id,
        "site": hazard.site,
        "zone": hazard.zone,
        "place": hazard.place,
        "place_name": registry.place_name(hazard.site, hazard.place),
        "kind": hazard.kind,
        "cause": hazard.cause,
        "grade": hazard.grade.colour,
        "level": int(hazard.grade),
        "state": hazard.state,
        "active": hazard.active,
        "late": hazard.late,
        "drill": hazard.drill,
        "opened_at": moment(hazard.opened_ns),
        "updated_at": moment(hazard.updated_ns),
        "cleared_at": moment(hazard.cleared_ns),
        "acknowledged_by": hazard.acknowledged_by,
        "acknowledged_at": moment(hazard.acknowledged_ns),
        "count": hazard.count,
        "sensors": [{"id": sensor, "metric": metric} for sensor, metric in sensors],
        "text": dict(hazard.text),
        "clears": dict(hazard.clears),
        "ticket": {"id": ticket.id, "number": ticket.number, "state": ticket.state} if ticket else None,
        "times": {
            "event": moment(hazard.opened_ns),
            "gateway": moment(hazard.gateway_ns),
            "arrival": moment(hazard.arrival_ns),
            "decision": moment(hazard.decided_ns),
            "recorded": moment(hazard.recorded_ns),
        },
        "method": hazard.method,
        "likelihood": hazard.likelihood,
        "severity": hazard.severity,
        "version": hazard.version,
    }


def finding_json(finding: Finding) -> Json:
    """A detection with its evidence: what was seen, the limit, the window, why, and what would clear it."""
    evidence = finding.evidence
    return {
        "id": finding.id,
        "hazard": finding.hazard,
        "site": finding.site,
        "sensor": finding.sensor,
        "metric": finding.metric,
        "kind": finding.kind,
        "rule": finding.rule,
        "detector": finding.detector,
        "level": finding.level,
        "active": finding.active,
        "late": finding.late,
        "drill": finding.drill,
        "score": finding.score,
        "first": moment(finding.first_ns),
        "last": moment(finding.last_ns),
        "cleared": moment(finding.cleared_ns),
        "value": evidence.get("value"),
        "unit": evidence.get("unit", ""),
        "limit": evidence.get("limit"),
        "window_s": evidence.get("window_s"),
        "baseline": evidence.get("baseline"),
        "window": {"first": moment(finding.first_ns), "last": moment(finding.last_ns)},
        "text": evidence.get("text", {}),
        "clears": evidence.get("clears", {}),
        "battery": battery_json(finding) if finding.detector == "battery" else None,
        "times": {
            "event": moment(finding.first_ns),
            "gateway": moment(finding.gateway_ns),
            "arrival": moment(finding.arrival_ns),
            "decision": moment(finding.decided_ns),
            "recorded": moment(finding.recorded_ns),
        },
    }


def battery_json(finding: Finding | None) -> Json | None:
    """When a battery ends, by the messages that are left in it; null where it is not low. Days are those of UTC."""
    if finding is None:
        return None
    dims = finding.evidence.get("dims", {})
    told = ("cell", "used", "left_low", "left_high", "per_day", "earliest", "latest")
    return {**{key: dims.get(key) for key in told}, "text": finding.evidence.get("text", {})}


def ticket_json(ticket: Ticket, hazard: Hazard, registry: Registry, actor: Actor, found: Sequence[Finding]) -> Json:
    """A ticket with its evidence and what the asking person may do with it now."""
    place = registry.place_name(ticket.site, ticket.place)
    return {
        "id": ticket.id,
        "number": ticket.number,
        "hazard": ticket.hazard,
        "site": ticket.site,
        "zone": ticket.zone,
        "place": ticket.place,
        "place_name": place,
        "kind": ticket.kind,
        "grade": ticket.grade.colour,
        "level": int(ticket.grade),
        "major": ticket.major,
        "supervised": ticket.supervised,
        "relapses": ticket.relapses,
        "state": ticket.state,
        "state_name": dict(loop().states[ticket.state]),
        "title": {language: hazard.text.get(language) or place[language] for language in ("zh", "en")},
        "opened_at": moment(ticket.opened_ns),
        "due_at": moment(ticket.due_ns),
        "overdue": ticket.overdue,
        "fixer": ticket.fixer,
        "acceptor": ticket.acceptor,
        "accepted_at": moment(ticket.accepted_ns),
        "closed_at": moment(ticket.closed_ns),
        "close_reason": ticket.close_reason,
        "overridden": ticket.overridden,
        "version": ticket.version,
        "drill": hazard.drill,
        "proved": not hazard.active,
        "evidence": [finding_json(finding) for finding in found],
        "actions": [step_json(step) for step in loop().open_to(ticket, actor, hazard)],
    }


def step_json(step: Step) -> Json:
    """One action with the fields that it takes."""
    fields = []
    for field in step.fields:
        row: Json = {"name": field.name, "type": field.type.partition(":")[0], "required": field.required}
        if field.type == "choice:close":
            row["choices"] = [{"value": value, "name": dict(name)} for value, name in loop().close_reasons.items()]
        fields.append(row)
    return {"action": step.action, "name": dict(step.name), "fields": fields}


def history_json(event: Event) -> Json:
    """One step of a ticket's way, as the journal tells it."""
    action = event.kind.partition(".")[2]
    step = loop().steps.get(action)
    fields = event.facts.get("fields", {})
    return {
        "seq": event.seq,
        "at": moment(event.at_ns),
        "actor": event.actor,
        "action": action,
        "name": dict(step.name) if step else None,
        "from": event.facts.get("from"),
        "to": event.facts.get("to"),
        "note": fields.get("note"),
        "fields": fields,
    }


def event_json(event: Event) -> Json:
    """One entry of the audit."""
    return {
        "seq": event.seq,
        "at": moment(event.at_ns),
        "actor": event.actor,
        "kind": event.kind,
        "site": event.site,
        "subject": event.subject,
        "facts": dict(event.facts),
    }


def notice_json(notice: Notice) -> Json:
    """One message and what became of it."""
    return {
        "id": notice.id,
        "site": notice.site,
        "hazard": notice.hazard,
        "ticket": notice.ticket,
        "channel": notice.channel,
        "type": notice.type,
        "created_at": moment(notice.created_ns),
        "state": notice.state,
        "attempts": notice.attempts,
        "next_at": moment(notice.next_ns) if notice.state == "pending" else None,
        "delivered_at": moment(notice.delivered_ns),
        "error": notice.error,
        "body": dict(notice.body),
    }


def worst(grades: Sequence[int]) -> str | None:
    """The colour of the gravest of the grades, null for none."""
    return Grade(min(grades)).colour if grades else None


def names(row: Any) -> Mapping[str, str]:
    """Both names of a thing of the registry; its id stands in where there is none."""
    return {"zh": row.name_zh or row.id, "en": row.name_en or row.id}
