"""Meaning of ONVIF events: metric, value and labels by the names of a topic and its items.

Source: ONVIF Core, Device IO, Imaging, Analytics, Access Control and Door Control specifications (topic trees tns1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .contract import Reject
from .document import is_short, number_of

MOTION = frozenset(("MotionAlarm", "CellMotionDetector", "MotionRegionDetector", "MotionDetection"))
BLIND = frozenset(
    (
        *("GlobalSceneChange", "ImageTooDark", "ImageTooBlurry", "ImageTooBright", "SignalLoss", "VideoLoss"),
        *("Tamper", "TamperDetector", "Tampering", "CameraTampering"),
    )
)
SOUND = frozenset(("DetectedSound", "AudioDetection"))
FAULT = frozenset(("HardwareFailure",))
HEAT = frozenset(("TemperatureAlarm",))
COUNTS = ("Count", "ObjectCount", "PeopleCount", "Occupancy")
IGNORED: Mapping[str, str] = {
    "Monitoring": "load and uptime of the camera",
    "RecordingConfig": "state of a recording",
    "RecordingHistory": "state of a recording",
    "Configuration": "setting",
    "Media": "setting",
    "PTZController": "movement of the camera",
    "OperationMode": "setting",
    "ObjectTrack": "path of an object that a rule reports",
}
"""Names in a topic that give no reading, and the reason."""
MOMENTS = frozenset(("RuleEngine", "IVA", "OpenApp", "VideoAnalytics", "AudioAnalytics", "Analytics"))
"""First levels of events of analytics; without a state they are one moment."""
DOORS: Mapping[str, tuple[str, Mapping[str, float]]] = {
    "DoorPhysicalState": ("open", {"open": 1.0, "closed": 0.0}),
    "LockPhysicalState": ("lock_open", {"unlocked": 1.0, "locked": 0.0}),
    "DoorAlarm": ("forced", {"doorforcedopen": 1.0, "normal": 0.0}),
    "DoorTamper": ("tamper", {"tamperdetected": 1.0, "notintamper": 0.0}),
    "DoorFault": ("fault", {"faultdetected": 1.0, "notinfault": 0.0}),
    "DoorMode": ("lock_open", {"unlocked": 1.0, "accessed": 1.0, "lockedopen": 1.0, "locked": 0.0, "blocked": 0.0}),
}
"""Event of a door -> metric, and its value by the state."""
PASSES: Mapping[str, tuple[str, float]] = {
    "AccessGranted": ("access_granted", 1.0),
    "Denied": ("access_granted", 0.0),
    "Duress": ("panic", 1.0),
}
_HELD = "dooropentoolong"
_STATES = (
    *("state", "logicalstate", "ismotion", "isinside", "crossing", "istamper", "isloitering", "loitering"),
    *(
        "issounddetected",
        "issound",
        "issignalloss",
        "failed",
        "critical",
        "active",
        "alarmactive",
        "alarm",
        "tamper",
        "detected",
    ),
)
_WORDS: Mapping[Any, bool] = {
    **dict.fromkeys(("true", "1", "active", "on", "yes", True, 1), True),
    **dict.fromkeys(("false", "0", "inactive", "off", "no", False, 0), False),
}
_FIRE, _SMOKE = re.compile(r"fire(?!wall)|flame", re.IGNORECASE), re.compile(r"smoke", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_TEXT_MAX = 64


@dataclass(frozen=True, slots=True)
class Event:
    """Names of a topic without its source, and the items of its message; the rule is "" without one."""

    names: Sequence[str]
    rule: str
    data: Mapping[str, Any]
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Meaning:
    """Metric and value; kind and labels. condition: the part of a state that holds while any of its parts holds."""

    metric: str
    value: float
    kind: str = "camera"
    unit: str = "bool"
    dims: Mapping[str, str] = field(default_factory=dict)
    condition: str = ""


def read_event(event: Event) -> Meaning | Reject | str:
    """Return the meaning of an event, a Reject, or the reason for no reading; "" for an event without a meaning."""
    names = event.names
    if reason := next((IGNORED[name] for name in names if name in IGNORED), ""):
        return reason
    if found := _door(event):
        return found
    if key := next((key for key in COUNTS if key in event.data), None):
        given = event.data[key]
        count = number_of(float(given) if is_short(given) and _NUMBER.fullmatch(given) else given)
        wrong = Reject("type", f"{key} is a number")
        dims = {"rule": event.rule} if event.rule else {}
        return wrong if count is None else Meaning("object_count", count, unit="count", dims=dims)
    state = _state(event)
    if isinstance(state, Reject):
        return state
    if state is None and not (names and names[0] in MOMENTS and event.data):
        return ""
    return _analytics(event, 1.0 if state is None else float(state))


def _analytics(event: Event, value: float) -> Meaning:  # noqa: PLR0911 - a return a case
    """Return the meaning of a state, or of a moment, of the camera."""
    names, last = event.names, event.names[-1][:_TEXT_MAX] if event.names else ""
    if MOTION.intersection(names):
        return Meaning("motion", value)
    if BLIND.intersection(names):
        return Meaning("blind", value, condition=next(name for name in names if name in BLIND))
    if SOUND.intersection(names):
        return Meaning("sound", value, dims={"label": "sound"})
    if FAULT.intersection(names):
        return Meaning("fault", value, kind="device", condition=last)
    dims = {"rule": event.rule} if event.rule else {}
    if HEAT.intersection(names):
        return Meaning("heat", value, kind="smoke", dims=dims)
    if label := next((_burning(name) for name in names if _burning(name)), ""):
        return Meaning("object_present", value, dims={"label": label} | dims)
    return Meaning("rule_active", value, dims=dims | ({"event": last} if last else {}))


def _burning(name: str) -> str:
    """Return the label of an event of fire or smoke; "" for any other."""
    return "smoke" if _SMOKE.search(name) else "fire" if _FIRE.search(name) else ""


def _door(event: Event) -> Meaning | Reject | str:
    """Return the meaning of an event of a door or an access point; "" for any other."""
    first = event.names[0] if event.names else ""
    if first == "AccessControl":
        found = next((PASSES[name] for name in event.names if name in PASSES), None)
        return "passage that a grant or a refusal repeats" if found is None else Meaning(*found, kind="gate")
    name = next((name for name in event.names if name in DOORS), None)
    if first != "Door" or name is None:
        return ""
    metric, words = DOORS[name]
    state = str(event.data.get("State", "")).lower()
    if state == _HELD:
        return Meaning("open", 1.0, kind="gate")
    if state in ("unknown", "", "fault"):
        return "state is not known"
    if state not in words:
        return Reject("type", f"{name} is {' or '.join(words)}")
    return Meaning(metric, words[state], kind="device" if metric in ("tamper", "fault") else "gate")


def _state(event: Event) -> bool | Reject | None:
    """Return the state of an event; None for an event without one."""
    named = {key.lower(): key for key in event.data}
    key = next((named[word] for word in _STATES if word in named), None)
    key = key or next((named[word] for word in named if word.startswith("is")), None)
    if key is None:
        return None
    if event.deleted:
        return False
    given = event.data[key]
    word = given.strip().lower() if is_short(given) else given
    found = _WORDS.get(word) if isinstance(word, str | bool | int) else None
    return Reject("type", f"{key} is true or false") if found is None else found
