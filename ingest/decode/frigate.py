"""Frigate: `frigate/events`, `frigate/reviews`, and object counts of each camera or zone.

Source: blakeblackshear/frigate, docs/docs/integrations/mqtt.md. The `after` half of an event counts. Names, plates
and sub-labels are personal data and never leave this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .contract import Availability, Decoded, Media, Reading, Reject
from .document import branch, epoch_ns, read_object, read_text, refuse, words

_COUNT = re.compile(r"\d{1,6}", re.ASCII)
_PHASES = ("new", "update", "end")
_TEXT_MAX = 64
_STATES = frozenset(("review_status", "birdseye_mode", "ptz", "notifications"))
_TOP = frozenset(("notifications", "stats", "restart", "onConnect", "camera_activity", "tracked_object_update"))
_COUNT_LEVELS, _SUB_LEVELS = 2, 3


class FrigateDecoder:
    """Decoder of the Frigate NVR. Holds no state.

    Works badly for: topics that name a camera or a zone (`frigate/front_gate/person` may be either), and sound events,
    which are left out. Pictures yield media references without a subscription, because of their size.

    >>> decoded = FrigateDecoder().decode("frigate/front_gate/person", b"2", retained=False, now_ns=0)
    >>> decoded.readings[0].metric, decoded.readings[0].value, decoded.readings[0].dims
    ('object_count', 2.0, {'label': 'person'})
    """

    name = "frigate"

    def __init__(self, *, base: str = "frigate") -> None:
        """base: the setting `mqtt.topic_prefix` of Frigate."""
        self._base = base
        self.subscriptions: Sequence[str] = (
            *(f"{base}/{topic}" for topic in ("available", "events", "reviews")),
            f"{base}/+/+",
            f"{base}/+/status/detect",
        )

    def claims(self, topic: str) -> bool:
        """Return True for any topic under the topic prefix."""
        return topic.startswith(f"{self._base}/")

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002 - contract
        """Decode one message; the caller decides whether retained readings count."""
        levels = topic.removeprefix(f"{self._base}/").split("/")
        if "set" in levels[1:] or levels[0] in _TOP:
            return Decoded(ignored="command" if "set" in levels else "state")
        if len(levels) == 1:
            return self._decode_top(levels[0], payload)
        if not all(levels):
            return refuse(Reject("sensor_name", "a topic with an empty level"))
        if len(levels) == _COUNT_LEVELS:
            return _decode_camera(levels[0], levels[1], payload)
        if len(levels) == _SUB_LEVELS:
            return _decode_detail(levels, payload)
        return Decoded(ignored="state")

    def _decode_top(self, word: str, payload: bytes) -> Decoded:
        if word == "available":
            return _decode_availability(self._base, payload)
        if word not in ("events", "reviews"):
            return Decoded(ignored="state")
        document = read_object(payload)
        if isinstance(document, Reject):
            return refuse(document)
        if document.get("type") not in _PHASES:
            return refuse(Reject("type", f"type is one of {', '.join(_PHASES)}"))
        after = branch(document, "after")
        camera, event_id = after.get("camera"), after.get("id")
        if not _short(camera) or not _short(event_id):
            return refuse(Reject("type", "an event has camera and id"))
        return (_event if word == "events" else _review)(document["type"], after)


def _event(phase: str, after: Mapping[str, Any]) -> Decoded:
    """Decode a tracked object: present from its first video frame to its last."""
    if after.get("false_positive") is True:
        return Decoded(ignored="false_positive")
    label = after.get("label")
    if not _short(label):
        return refuse(Reject("type", "an event has a label"))
    ended = phase == "end"
    # an ended object has no current zone: the zones it entered count
    zones = words(after.get("entered_zones" if ended else "current_zones"))
    dims = {"label": label, "zones": zones, "phase": phase, "event_id": after["id"]}
    time_ns = epoch_ns(after.get("end_time" if ended else "frame_time"))
    reading = Reading(after["camera"], "camera", "object_present", float(not ended), "bool", time_ns=time_ns, dims=dims)
    return Decoded(readings=(reading,))


def _review(phase: str, after: Mapping[str, Any]) -> Decoded:
    """Decode a span of video that Frigate marks for review."""
    data = branch(after, "data")
    severity = after.get("severity")
    dims = {
        "severity": severity if _short(severity) else "",
        "objects": words(data.get("objects")),
        "zones": words(data.get("zones")),
        "phase": phase,
        "event_id": after["id"],
    }
    stamp = {"new": after.get("start_time"), "end": after.get("end_time")}.get(phase)
    value = float(phase != "end")
    reading = Reading(after["camera"], "camera", "review", value, "bool", time_ns=epoch_ns(stamp), dims=dims)
    return Decoded(readings=(reading,))


def _decode_camera(camera: str, word: str, payload: bytes) -> Decoded:  # noqa: PLR0911 - a return a case
    """Decode `frigate/CAMERA/motion`, and `frigate/CAMERA_OR_ZONE/LABEL` with a count."""
    if word in _STATES:
        return Decoded(ignored="state")
    text = read_text(payload)
    if isinstance(text, Reject):
        return refuse(text)
    if word == "motion":
        if text not in ("ON", "OFF"):
            return refuse(Reject("type", "motion is ON or OFF"))
        return Decoded(readings=(Reading(camera, "camera", "motion", float(text == "ON"), "bool"),))
    if not text:
        return Decoded(ignored="forgotten")
    if not _COUNT.fullmatch(text) or len(word) > _TEXT_MAX:
        return refuse(Reject("type", "an object count is a whole number"))
    return Decoded(readings=(Reading(camera, "camera", "object_count", float(text), "count", dims={"label": word}),))


def _decode_detail(levels: Sequence[str], payload: bytes) -> Decoded:
    camera, word, detail = levels
    if detail == "snapshot":
        return Decoded(media=Media(camera, "image/jpeg", word[:_TEXT_MAX])) if payload else Decoded(ignored="empty")
    if (word, detail) == ("status", "detect"):
        return _decode_availability(camera, payload)
    return Decoded(ignored="state")


def _decode_availability(sensor: str, payload: bytes) -> Decoded:
    text = read_text(payload)
    if isinstance(text, Reject):
        return refuse(text)
    if text not in ("online", "offline"):
        known = text in ("disabled", "stopped", "")  # switched off by a person, or removed at the broker
        return Decoded(ignored="state") if known else refuse(Reject("type", "status is online or offline"))
    return Decoded(availability=(Availability(sensor, text == "online"),))


def _short(text: Any) -> bool:
    return isinstance(text, str) and 0 < len(text) <= _TEXT_MAX
