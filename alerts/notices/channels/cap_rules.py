"""Rules of CAP 1.2 as a table: element order, counts, enumerations and forms; check of a document.

Source: OASIS Standard CAP-v1.2, 1 July 2010, section 3.2 (data dictionary) and 3.4 (schema). `Draft`, `Ack` and `Error`
exist in the standard and are absent here: this service sends none of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
STATUS = ("Actual", "Exercise", "System", "Test")
MESSAGE_TYPES = ("Alert", "Update", "Cancel")
SCOPES = ("Public", "Restricted", "Private")
CATEGORIES = (
    *("Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other"),
)
RESPONSES = ("Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None")
URGENCIES = ("Immediate", "Expected", "Future", "Past", "Unknown")
SEVERITIES = ("Extreme", "Severe", "Moderate", "Minor", "Unknown")
CERTAINTIES = ("Observed", "Likely", "Possible", "Unlikely", "Unknown")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d", re.ASCII)
_ID = re.compile(r"[^\s,<&]+")
_REFERENCE = re.compile(r"[^\s,<&]+,[^\s,<&]+,\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d", re.ASCII)

ONE, MAYBE, MANY, SOME = (1, 1), (0, 1), (0, 1_000), (1, 1_000)
Rule = tuple[str, tuple[int, int], Any]
"""Element, lowest and highest count, allowed values: None for any text, a tuple of texts, a pattern, or inner rules."""

_PAIR: Sequence[Rule] = (("valueName", ONE, None), ("value", ONE, None))
_AREA: Sequence[Rule] = (
    ("areaDesc", ONE, None),
    ("polygon", MANY, None),
    ("circle", MANY, None),
    ("geocode", MANY, _PAIR),
    ("altitude", MAYBE, None),
    ("ceiling", MAYBE, None),
)
_INFO: Sequence[Rule] = (
    ("language", MAYBE, None),
    ("category", SOME, CATEGORIES),
    ("event", ONE, None),
    ("responseType", MANY, RESPONSES),
    ("urgency", ONE, URGENCIES),
    ("severity", ONE, SEVERITIES),
    ("certainty", ONE, CERTAINTIES),
    ("audience", MAYBE, None),
    ("eventCode", MANY, _PAIR),
    ("effective", MAYBE, _TIME),
    ("onset", MAYBE, _TIME),
    ("expires", MAYBE, _TIME),
    ("senderName", MAYBE, None),
    ("headline", MAYBE, None),
    ("description", MAYBE, None),
    ("instruction", MAYBE, None),
    ("web", MAYBE, None),
    ("contact", MAYBE, None),
    ("parameter", MANY, _PAIR),
    ("area", MANY, _AREA),
)
ALERT: Sequence[Rule] = (
    ("identifier", ONE, _ID),
    ("sender", ONE, _ID),
    ("sent", ONE, _TIME),
    ("status", ONE, STATUS),
    ("msgType", ONE, MESSAGE_TYPES),
    ("source", MAYBE, None),
    ("scope", ONE, SCOPES),
    ("restriction", MAYBE, None),
    ("addresses", MAYBE, None),
    ("code", MANY, None),
    ("note", MAYBE, None),
    ("references", MAYBE, re.compile(rf"{_REFERENCE.pattern}( {_REFERENCE.pattern})*", re.ASCII)),
    ("incidents", MAYBE, None),
    ("info", MANY, _INFO),
)


def cap_errors(alert: Element) -> list[str]:
    """Return the deviations of a document from CAP 1.2, each with its path; [] for a valid one."""
    if alert.tag != _tag("alert"):
        return [f"{alert.tag}: the root must be alert in the namespace {NAMESPACE}"]
    found = {child.tag.rpartition("}")[2]: child.text or "" for child in alert}
    return [*_errors("alert", alert, ALERT), *_dependencies(found)]


def _dependencies(found: Mapping[str, str]) -> Iterator[str]:
    """Yield deviations from rules between elements (CAP 1.2, 3.2.1)."""
    if found.get("scope") == "Private" and not found.get("addresses"):
        yield "alert/addresses: missing; scope Private needs them"
    if found.get("scope") == "Restricted" and not found.get("restriction"):
        yield "alert/restriction: missing; scope Restricted needs it"
    if found.get("msgType") in {"Update", "Cancel"} and not found.get("references"):
        yield f"alert/references: missing; {found['msgType']} needs them"


def _errors(where: str, element: Element, rules: Sequence[Rule]) -> Iterator[str]:
    order = [_tag(name) for name, _, _ in rules]
    places = [order.index(child.tag) if child.tag in order else -1 for child in element]
    if -1 in places:
        yield f"{where}: {element[places.index(-1)].tag} is not allowed"
    elif places != sorted(places):
        yield f"{where}: the elements are not in the order of the standard"
    for name, (least, most), allowed in rules:
        children = element.findall(_tag(name))
        if not least <= len(children) <= most:
            yield f"{where}/{name}: {len(children)} elements; allowed are {least} to {most}"
        for child in children:
            yield from _value_errors(f"{where}/{name}", child, allowed)


def _value_errors(where: str, child: Element, allowed: Any) -> Iterator[str]:
    text = child.text or ""
    if isinstance(allowed, re.Pattern):
        if not allowed.fullmatch(text):
            yield f"{where} = {text!r}: allowed is {allowed.pattern}"
    elif allowed is not None and isinstance(allowed[0], tuple):
        yield from _errors(where, child, allowed)
    elif not text.strip():
        yield f"{where}: empty; allowed is a text"
    elif allowed is not None and text not in allowed:
        yield f"{where} = {text!r}: allowed is one of {', '.join(allowed)}"


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"
