"""Messages of Frigate: JSON of events, reviews, recognitions and triggers; states in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .contract import Decoded, Media, Reading, Reject
from .document import branch, is_short, number_of, read_text, refuse, words
from .names import entity_name
from .times import WireTime, read_time

_COUNT = re.compile(r"\d{1,6}", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,9}(?:\.\d{1,18})?", re.ASCII)
_PHASES = ("new", "update", "end")
TEXT_MAX = 64
_ARRIVAL = WireTime()
_SWITCH: Mapping[str, float] = {"ON": 1.0, "OFF": 0.0}
_STATES: Mapping[str, float] = {"open": 1.0, "opened": 1.0, "on": 1.0, "closed": 0.0, "close": 0.0, "off": 0.0}
_DOOR = frozenset(("open", "opened", "closed", "close"))
_LEVELS: Mapping[str, tuple[str, str]] = {"dBFS": ("sound_level", "dBFS"), "rms": ("sound_rms", "")}
_RECOGNISED: Mapping[str, str] = {"face": "face", "lpr": "license_plate"}

IGNORED: Mapping[str, str] = {
    "restart": "command",
    "onConnect": "command",
    "notifications": "setting of notifications",
    "stats": "load of the recorder's computer",
    "camera_activity": "settings and states that other topics repeat",
    "profile": "setting",
}
"""Topics of the recorder that give no reading, and the reason."""
IGNORED_OF_CAMERA: Mapping[str, str] = {
    "review_status": "repeats reviews without an id",
    "ptz": "command",
    "birdseye_mode": "setting",
    "transcription": "personal data",
    "state": "setting of a function of Frigate",
    "suspended": "setting of notifications",
    "suspend": "command",
    "set": "command",
    "ptz_autotracker/active": "setting of a function of Frigate",
}
"""Topics, or last levels of topics, of a camera that give no reading, and the reason."""


def _decode_change(
    document: Mapping[str, Any], read: Callable[[str, Mapping[str, Any], int], Decoded], now_ns: int
) -> Decoded:
    """Decode an event or a review by its `after` half."""
    phase = document.get("type")
    if phase == "genai":  # the summary of a language model: personal data
        return Decoded(ignored="personal data")
    if phase not in _PHASES:
        return refuse(Reject("type", f"type is one of {', '.join(_PHASES)}"))
    after = branch(document, "after")
    if not is_short(after.get("camera")) or not is_short(after.get("id")):
        return refuse(Reject("type", "an event has camera and id"))
    return read(str(phase), after, now_ns)


def _event(phase: str, after: Mapping[str, Any], now_ns: int) -> Decoded:
    """Decode a tracked object: present from its first video frame to its last."""
    if after.get("false_positive") is True:
        return Decoded(ignored="false_positive")
    label = after.get("label")
    if not is_short(label):
        return refuse(Reject("type", "an event has a label"))
    ended = phase == "end"
    # an ended object has no current zone: the zones it entered count
    zones = words(after.get("entered_zones" if ended else "current_zones"))
    dims = {"label": label, "zones": zones, "phase": phase, "event_id": after["id"]}
    at = read_time(after.get("end_time" if ended else "frame_time"), now_ns=now_ns)
    return _camera_reading(after["camera"], "object_present", float(not ended), at=at, dims=dims)


def _review(phase: str, after: Mapping[str, Any], now_ns: int) -> Decoded:
    """Decode a span of video that Frigate marks for review."""
    data = branch(after, "data")
    severity = after.get("severity")
    dims = {
        "severity": severity if is_short(severity) else "",
        "objects": words(data.get("objects")),
        "zones": words(data.get("zones")),
        "phase": phase,
        "event_id": after["id"],
    }
    if sounds := words(data.get("audio")):
        dims["audio"] = sounds
    given = {"new": after.get("start_time"), "end": after.get("end_time")}.get(phase)
    at = read_time(given, now_ns=now_ns)
    return _camera_reading(after["camera"], "review", float(phase != "end"), at=at, dims=dims)


def _recognition(document: Mapping[str, Any], now_ns: int) -> Decoded:
    """Decode a recognised face, plate or class of a tracked object, without the name, the plate or the sub-label."""
    kind, camera = document.get("type"), document.get("camera")
    if kind == "description":
        return Decoded(ignored="personal data")
    if not is_short(camera):
        return Decoded(ignored="no_camera")
    dims: dict[str, Any] = {"phase": "update"}
    if isinstance(kind, str) and kind in _RECOGNISED:
        dims["label"] = _RECOGNISED[kind]
    elif kind == "classification":
        dims |= {key: document[key] for key in ("model", "attribute") if is_short(document.get(key))}
    else:
        return Decoded(ignored="type", unread=(f"tracked_object_update/{kind}"[:TEXT_MAX],))
    if is_short(document.get("id")):
        dims["event_id"] = document["id"]
    at = read_time(document.get("timestamp"), now_ns=now_ns)
    return _camera_reading(str(camera), "recognised", 1.0, at=at, dims=dims)


def _trigger(document: Mapping[str, Any], now_ns: int) -> Decoded:  # noqa: ARG001 - no time on the wire
    """Decode a trigger of the semantic search; it has no end."""
    camera, rule = document.get("camera"), document.get("name")
    if not is_short(camera) or not is_short(rule):
        return refuse(Reject("type", "a trigger has camera and name"))
    dims = {"rule": rule, "event": "trigger"}
    if is_short(document.get("event_id")):
        dims["event_id"] = document["event_id"]
    return _camera_reading(str(camera), "rule_active", 1.0, dims=dims)


DOCUMENTS: Mapping[str, Callable[[Mapping[str, Any], int], Decoded]] = {
    "events": lambda document, now_ns: _decode_change(document, _event, now_ns),
    "reviews": lambda document, now_ns: _decode_change(document, _review, now_ns),
    "tracked_object_update": _recognition,
    "triggers": _trigger,
}


def reason_of_camera(levels: Sequence[str]) -> str:
    """Return why a camera's topic gives no reading; "" for any other topic."""
    return "" if not levels else IGNORED_OF_CAMERA.get(levels[-1]) or IGNORED_OF_CAMERA.get("/".join(levels), "")


def decode_camera(levels: Sequence[str], payload: bytes) -> Decoded:  # noqa: PLR0911 - a return a case
    """Decode motion, a count, a picture, a sound or a classified state of a camera or a zone."""
    camera, word, *rest = levels
    detail = "/".join(rest)
    if detail == "snapshot":
        return Decoded(media=Media(camera, "image/jpeg", word[:TEXT_MAX])) if payload else Decoded(ignored="empty")
    text = read_text(payload)
    if isinstance(text, Reject):
        return refuse(text)
    if not text:
        return Decoded(ignored="forgotten")
    if detail in ("", "active") and word != "motion":
        return _count(camera, word, "active_count" if detail else "object_count", text)
    if not detail:
        return _switch(camera, "motion", text)
    if len(rest) > 1 or word not in ("audio", "classification"):
        return Decoded(ignored="topic", unread=(f"{word}/{detail}"[:TEXT_MAX],))
    return (_sound if word == "audio" else _classified)(camera, detail[:TEXT_MAX], text)


def _count(camera: str, label: str, metric: str, text: str) -> Decoded:
    if not _COUNT.fullmatch(text) or len(label) > TEXT_MAX:
        return refuse(Reject("type", "an object count is a whole number"))
    return _camera_reading(camera, metric, float(text), unit="count", dims={"label": label})


def _switch(camera: str, metric: str, text: str, dims: Mapping[str, Any] | None = None) -> Decoded:
    if text not in _SWITCH:
        return refuse(Reject("type", f"{metric} is ON or OFF"))
    return _camera_reading(camera, metric, _SWITCH[text], dims=dims)


def _sound(camera: str, label: str, text: str) -> Decoded:
    """Decode a class of sound, ON while it is detected, or the level of the sound."""
    if label in _LEVELS:
        metric, unit = _LEVELS[label]
        level = number_of(float(text)) if _NUMBER.fullmatch(text) else None
        if level is None:  # silence has no finite level
            return Decoded(ignored="no_measurement")
        return _camera_reading(camera, metric, level, unit=unit)
    return _switch(camera, "sound", text, {"label": label})


def _classified(camera: str, model: str, text: str) -> Decoded:
    """Decode the state that a classification model sees: a source of its own beside the camera.

    Open and closed give `open` of a gate, on and off the model's name; any other class is a label.
    """
    sensor, word = f"{camera}/{model}", text.lower()
    if word in _DOOR:
        reading = Reading(sensor, "gate", "open", _STATES[word], "bool", device=camera)
    elif word in _STATES:
        metric = entity_name(model) or "classified"
        reading = Reading(sensor, "camera", metric, _STATES[word], "bool", device=camera)
    else:
        value = float(word not in ("none", "unknown"))
        reading = Reading(sensor, "camera", "classified", value, "bool", dims={"class": text}, device=camera)
    return Decoded(readings=(reading,))


def _camera_reading(
    camera: str,
    metric: str,
    value: float,
    *,
    unit: str = "bool",
    at: WireTime = _ARRIVAL,
    dims: Mapping[str, Any] | None = None,
) -> Decoded:
    reading = Reading(camera, "camera", metric, value, unit, time_ns=at.time_ns, dims=dims or {}, doubt=at.doubt)
    return Decoded(readings=(reading,))


def read_status(payload: bytes) -> bool | Decoded:
    """Return whether a part is online; the result for a state without a meaning for its availability."""
    text = read_text(payload)
    if isinstance(text, Reject):
        return refuse(text)
    if text in ("online", "offline"):
        return text == "online"
    known = text in ("disabled", "stopped", "")  # switched off by a person, or removed at the broker
    return Decoded(ignored="state") if known else refuse(Reject("type", "status is online or offline"))
