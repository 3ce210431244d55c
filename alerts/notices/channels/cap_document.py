"""CAP documents of hazards: Alert, Update and Cancel, in CAP 1.2 or in the form of GB/T 35965.1.

Differences of the Chinese profile (GB/T 35965.1-2018, annex A): identifier of 31 characters
`ZZZZZZDDDUUUXX_YYYYMMDDhhmmss_N`, sender of its first 14, times with a space instead of `T`, severity by colour,
Chinese alone. Its table of event codes is data of the user (`events`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from alerts.model import Notice
from alerts.risk.causes import causes

from .cap_rules import NAMESPACE

BEIJING = timezone(timedelta(hours=8))
GB = "gbt35965"
PROFILES = ("cap", GB)
SEVERITIES: Mapping[str, str] = {"red": "Extreme", "orange": "Severe", "yellow": "Moderate", "blue": "Minor"}
CATEGORIES: Mapping[str, str] = {
    "fire": "Fire",
    "gas": "Fire",
    "flood": "Met",
    "leak": "Infra",
    "person_at_water": "Rescue",
    "entry": "Security",
    "theft": "Security",
}
"""Cause of a hazard -> category; Safety for all others."""
_LANGUAGES = (("zh", "zh-CN"), ("en", "en"))


@dataclass(frozen=True, slots=True)
class Frame:
    """Facts of a document besides its hazard. references: documents that it updates or cancels, oldest first."""

    identifier: str
    sender: str
    sent_ns: int
    profile: str
    scope: str
    audience: str
    references: Sequence[str]
    events: Mapping[str, str]
    expires_ns: int


def document(notice: Notice, frame: Frame) -> Element:
    """Return the document of a notice; `message_type` decides on Alert, Update or Cancel."""
    register_namespace("", NAMESPACE)
    root = Element(_tag("alert"))
    kind = message_type(notice, frame.references)
    _add(root, "identifier", frame.identifier)
    _add(root, "sender", frame.sender)
    _add(root, "sent", cap_time(frame.sent_ns, frame.profile))
    _add(root, "status", "Exercise" if notice.body.get("drill") else "Actual")
    _add(root, "msgType", kind)
    _add(root, "scope", frame.scope)
    _add(root, "restriction" if frame.scope == "Restricted" else "addresses", frame.audience)
    if kind == "Cancel":
        _add(root, "note", "误报，撤销 / false report, cancelled")
    if frame.references:
        _add(root, "references", " ".join(frame.references))
    if kind != "Cancel":
        for language, tag in _LANGUAGES:
            if frame.profile != GB or language == "zh":
                _info(root, notice, frame, (language, tag))
    return root


def message_type(notice: Notice, references: Sequence[str]) -> str:
    """Return Cancel for a false report, Update for a hazard with earlier documents, else Alert."""
    if notice.type == "ticket.mark_false":
        return "Cancel"
    return "Update" if references else "Alert"


def write_document(root: Element) -> bytes:
    """Return the document as UTF-8 with its declaration."""
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


def cap_time(time_ns: int, profile: str) -> str:
    """Return a time with its offset: the profile has a space where CAP has T."""
    instant = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).astimezone(BEIJING)
    return f"{instant:%Y-%m-%d}{' ' if profile == GB else 'T'}{instant:%H:%M:%S}+08:00"


def _info(root: Element, notice: Notice, frame: Frame, language: tuple[str, str]) -> None:
    """Append the block of one language."""
    body, (key, tag) = notice.body, language
    ended = not body.get("active", True)
    kind, grade = str(body.get("kind", "")), str(body.get("grade", ""))
    cause = causes().get(kind)
    info = SubElement(root, _tag("info"))
    _add(info, "language", tag)
    _add(info, "category", CATEGORIES.get(cause.name, "Safety") if cause else "Safety")
    _add(info, "event", (cause.zh if key == "zh" else cause.en) if cause else kind)
    if ended:
        _add(info, "responseType", "AllClear")
    _add(info, "urgency", "Past" if ended else "Immediate")
    _add(info, "severity", grade.capitalize() if frame.profile == GB else SEVERITIES[grade])
    _add(info, "certainty", "Observed")
    if kind in frame.events:
        _pair(info, "eventCode", "GB/T 35561" if frame.profile == GB else "event", frame.events[kind])
    if not ended:
        _add(info, "expires", cap_time(frame.expires_ns, frame.profile))
    place = str(body.get("place", {}).get(key, ""))
    _add(info, "headline", _headline(body, key, place))
    _add(info, "description", str(body.get("text", {}).get(key, "")))
    area = SubElement(info, _tag("area"))
    _add(area, "areaDesc", place or str(body.get("site", "")))


def _headline(body: Mapping[str, Any], key: str, place: str) -> str:
    drill = {"zh": "演练：", "en": "Drill: "}[key] if body.get("drill") else ""
    return f"{drill}{place}"


def _add(parent: Element, name: str, text: str) -> None:
    """Append an element with a text that XML permits; an empty one is a dash."""
    clean = "".join(char for char in text if char.isprintable() or char in "\n\t")
    SubElement(parent, _tag(name)).text = clean.strip() or "-"


def _pair(parent: Element, name: str, value_name: str, value: str) -> None:
    pair = SubElement(parent, _tag(name))
    _add(pair, "valueName", value_name)
    _add(pair, "value", value)


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"
