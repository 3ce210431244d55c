"""Course of a hazard: present grade and text, highest value, places, and the grades that paged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import Any

from alerts.database.journal import Event
from alerts.model import Finding, Hazard
from alerts.risk.causes import causes
from alerts.risk.grading import Assessment, Grade, Method
from detectors import highest_words

UNPAGED = 0
"""`paged_grade` of a hazard that paged nobody."""


def assessed(finding: Finding, method: Method) -> Assessment:
    """Return the live assessment of a finding."""
    return method.live(finding.level, severity=causes()[finding.kind].severity)


def led(hazard: Hazard, leader: Finding, method: Method, zone: tzinfo) -> Hazard:
    """Return the hazard with grade, kind and text of its leading active finding; the grade may fall."""
    assessment = assessed(leader, method)
    return replace(
        hazard,
        grade=assessment.grade,
        highest_grade=min(hazard.highest_grade, assessment.grade),
        likelihood=assessment.inputs["likelihood"],
        kind=leader.kind,
        text=_text(leader.evidence, hazard.highest, zone),
        clears=leader.evidence.get("clears", {}),
    )


def updated(hazard: Hazard, seen: Finding) -> Hazard:
    """Return the hazard after one more detection, with the next version and the highest value so far."""
    return replace(
        hazard,
        highest=_higher(hazard.highest, seen),
        updated_ns=max(hazard.updated_ns, seen.last_ns),
        version=hazard.version + 1,
    )


def relapsed(hazard: Hazard, seen: Finding) -> Hazard:
    """Return a cleared hazard that is active again: unacknowledged, with a new highest value and its own pages."""
    return replace(
        hazard,
        active=True,
        acknowledged_by=None,
        acknowledged_ns=None,
        cleared_ns=None,
        since_ns=seen.first_ns,
        highest_grade=Grade.BLUE,
        highest={},
        paged_grade=UNPAGED,
    )


def cleared(hazard: Hazard, seen: Finding, zone: tzinfo) -> Hazard:
    """Return the hazard after its last finding cleared; grade: of that finding."""
    return replace(hazard, active=False, cleared_ns=seen.last_ns, text=_text(seen.evidence, hazard.highest, zone))


def spread(hazard: Hazard, place: str) -> Hazard:
    """Return the hazard with a further place; an acknowledgement does not cover that place."""
    if place == hazard.place or place in hazard.places:
        return hazard
    return replace(
        hazard,
        places=(*hazard.places, place),
        acknowledged_by=None,
        acknowledged_ns=None,
        paged_grade=UNPAGED if hazard.acknowledged_by else hazard.paged_grade,
    )


def paged(hazard: Hazard, seen: Finding, method: Method) -> Hazard:
    """Return the hazard with the grade of the finding as paged if it pages and no page had this grade or a higher one.

    The caller compares `paged_grade`: another value is a page.
    """
    grade = assessed(seen, method).grade
    if not seen.pages or (hazard.paged_grade != UNPAGED and grade >= hazard.paged_grade):
        return hazard
    return replace(hazard, paged_grade=int(grade))


def as_of(hazard: Hazard, history: Sequence[Event], at_ns: int) -> Hazard:
    """Return the hazard with the grade of its last detection up to a time; of its first one without any before."""
    graded = [event for event in history if "likelihood" in event.facts]
    until = [event for event in graded if int(event.facts.get("last_ns", event.facts["event_ns"])) <= at_ns]
    if not graded:
        return hazard
    return replace(hazard, grade=Grade[(until or graded[:1])[-1].facts["grade"].upper()])


def _higher(known: Mapping[str, Any], seen: Finding) -> Mapping[str, Any]:
    """Return the higher of the known highest value and that of the detection: by value in one rule, else by level."""
    evidence = seen.evidence
    if seen.detector != "threshold" or evidence.get("value") is None or evidence.get("unit") == "bool":
        return known
    here = {"value": evidence["value"], "at_ns": seen.last_ns} | evidence.get("highest", {})
    if known:
        beyond = here["value"] < known["value"] if here.get("falling") else here["value"] > known["value"]
        if not (beyond if known["rule"] == seen.rule else seen.level > known["level"]):
            return known
    facts = {"level": seen.level, "rule": seen.rule, "sensor": seen.sensor, "metric": seen.metric}
    return facts | {
        "value": here["value"],
        "at_ns": here["at_ns"],
        "unit": evidence.get("unit", ""),
        "falling": bool(here.get("falling")),
    }


def _text(evidence: Mapping[str, Any], highest: Mapping[str, Any], zone: tzinfo) -> dict[str, str]:
    """Return the text of the evidence; a value below the highest one is followed by it and its time."""
    text = dict(evidence.get("text", {}))
    if not highest or not text or evidence.get("value") == highest["value"]:
        return text
    at = datetime.fromtimestamp(highest["at_ns"] / 1e9, UTC).astimezone(zone)
    words = highest_words(highest["unit"], highest["value"], f"{at:%H:%M:%S}", falling=highest["falling"])
    return {"zh": f"{text['zh']}；{words['zh']}", "en": f"{text['en']}; {words['en']}"}
