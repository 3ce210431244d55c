"""ONVIF events over MQTT: `{camera}/onvif-ej/{topic expression}` in JSON.

Source: ONVIF Core Specification, section "Event broker" (topic prefix onvif-ej, JSON of UtcTime, Source, Key, Data);
names of rules and states from the ONVIF Analytics and Imaging services. A level that begins with `&` is the source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .contract import Decoded, Reading, Reject
from .document import branch, is_short, number_of, read_object, refuse, rfc3339_ns

_MARK = "onvif-ej"
_BLIND = frozenset(("GlobalSceneChange", "ImageTooDark", "ImageTooBlurry", "ImageTooBright"))
_MOTION = frozenset(("MotionAlarm", "CellMotionDetector", "MotionRegionDetector"))
_STATES = ("State", "IsMotion", "IsInside", "Crossing", "LogicalState")
_WORDS: Mapping[str, bool] = {"true": True, "1": True, "false": False, "0": False}


class OnvifMqttDecoder:
    """Decoder of camera events. Holds no state.

    Motion, a changed or unreadable picture, and counts have their own metrics. Every other rule yields `rule_active`
    with the names of rule and event as labels.

    Works badly for: events without a state (`Crossing` of an object each), which have no end.

    >>> message = b'{"UtcTime": "2026-09-01T01:00:00Z", "Data": {"State": true}}'
    >>> topic = "cam7/onvif-ej/VideoSource/MotionAlarm/&1"
    >>> decoded = OnvifMqttDecoder().decode(topic, message, retained=False, now_ns=0)
    >>> [(reading.sensor, reading.metric, reading.value) for reading in decoded.readings]
    [('cam7', 'motion', 1.0)]
    """

    name = "onvif_mqtt"
    subscriptions: Sequence[str] = (f"+/{_MARK}/#",)

    def claims(self, topic: str) -> bool:
        """Return True for a topic whose second level is onvif-ej."""
        return topic.split("/", 2)[1:2] == [_MARK]

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002, PLR0911 - contract; a return a case
        """Decode one camera event."""
        camera, _, *levels = topic.split("/")
        if not camera:
            return refuse(Reject("sensor_name", "a topic without a camera"))
        if not payload:
            return Decoded(ignored="forgotten")
        document = read_object(payload)
        if isinstance(document, Reject):
            return refuse(document)
        given = document.get("UtcTime")
        time_ns = rfc3339_ns(given)
        if given is not None and time_ns is None:
            return refuse(Reject("time_format", "UtcTime is RFC 3339 with offset"))
        found = _read([level for level in levels if not level.startswith("&")], document)
        if isinstance(found, Reject):
            return refuse(found)
        if found is None:
            return Decoded(ignored="event")
        metric, value, unit, dims = found
        return Decoded(readings=(Reading(camera, "camera", metric, value, unit, time_ns=time_ns, dims=dims),))


def _read(levels: Sequence[str], document: Mapping[str, Any]) -> tuple[str, float, str, dict[str, str]] | Reject | None:
    """Return metric, value, unit and labels; None for an event without a state."""
    data, source = branch(document, "Data"), branch(document, "Source")
    rule = next((source[key] for key in ("RuleName", "Rule") if is_short(source.get(key))), "")
    dims = {"rule": rule} if rule else {}
    if "Count" in data:
        count = number_of(data["Count"])
        return Reject("type", "Count is a number") if count is None else ("object_count", count, "count", dims)
    key = next((key for key in _STATES if key in data), None)
    if key is None:
        return None
    state = data[key]
    value = state if isinstance(state, bool) else _WORDS.get(state.lower()) if is_short(state) else None
    if value is None:
        return Reject("type", f"{key} is true or false")
    if _MOTION.intersection(levels):
        return "motion", float(value), "bool", {}
    if _BLIND.intersection(levels):
        return "blind", float(value), "bool", {}
    events = [level for level in levels if level != rule]
    return "rule_active", float(value), "bool", dims | ({"event": events[-1][:64]} if events else {})
