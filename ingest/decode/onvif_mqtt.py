"""ONVIF events over MQTT: `{prefix}/onvif-ej/{topic expression}` in JSON.

Source: ONVIF Core Specification, section "Event broker" (topic prefix onvif-ej, JSON of UtcTime, Source, Key, Data).
A level that begins with `&` names the source. The prefix has one to three levels.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .conditions import Conditions
from .contract import Decoded, Reading, Reject
from .document import is_short, read_object, refuse
from .onvif_events import Event, Meaning, read_event
from .payload import memory_values
from .times import WireTime, read_time

_MARK = "onvif-ej"
_PREFIX_MAX = 3
_CAMERAS_MAX = 10_000
_CHANNELS = (
    *("VideoSourceConfigurationToken", "VideoSourceConfiguration", "VideoSourceToken", "VideoSource", "Source"),
    *("AudioSourceConfigurationToken", "AudioSourceToken", "AudioSource"),
)
_PARTS = ("InputToken", "RelayToken", "DoorToken", "AccessPointToken")
_RULES = ("RuleName", "Rule")
_DIGITS = re.compile(r"(\d{1,9})$", re.ASCII)
_NUMBERED = "#"


class OnvifMqttDecoder:
    """Decoder of camera events. Its state is the source that has the plain name of each camera, and active conditions.

    Motion, a picture that is covered, changed or lost, faults, sounds, fire, doors and counts have their own metrics.
    Every other rule yields `rule_active` with the names of rule and event as labels.

    Works badly for: events without a state (`Crossed` of an object each), which have no end; two counters of one
    picture, which share a series; a recorder whose sources have other numbers in different events.

    >>> message = b'{"UtcTime": "2026-09-01T01:00:00Z", "Data": {"State": true}}'
    >>> topic = "cam7/onvif-ej/VideoSource/MotionAlarm/&1"
    >>> decoded = OnvifMqttDecoder().decode(topic, message, retained=False, now_ns=0)
    >>> [(reading.sensor, reading.metric, reading.value) for reading in decoded.readings]
    [('cam7', 'motion', 1.0)]
    """

    name = "onvif_mqtt"
    subscriptions: Sequence[str] = tuple(f"{'+/' * levels}{_MARK}/#" for levels in range(1, _PREFIX_MAX + 1))

    def __init__(self) -> None:
        self._sources = _Sources()
        self._conditions = Conditions()

    def recall(self, kept: Iterable[tuple[str, bytes]]) -> None:
        """Restore the sources of the cameras and the active conditions."""
        for key, found in memory_values(kept):
            if isinstance(found, dict):
                self._sources.restore(key, found)
            elif isinstance(found, list):
                self._conditions.restore(key, found)

    def claims(self, topic: str) -> bool:
        """Return True for a topic with onvif-ej after a prefix of one to three levels."""
        return _MARK in topic.split("/", _PREFIX_MAX + 1)[1 : _PREFIX_MAX + 1]

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002 - contract
        """Decode one camera event."""
        prefix, _, rest = topic.partition(f"/{_MARK}")
        if not prefix or not all(prefix.split("/")):
            return refuse(Reject("sensor_name", "a topic without a camera"))
        if not payload:
            return Decoded(ignored="forgotten")
        document = read_object(payload)
        if isinstance(document, Reject):
            return refuse(document)
        source, event = _items(document, "Source"), _event(rest.split("/")[1:], document)
        meaning = read_event(event)
        if isinstance(meaning, Reject):
            return refuse(meaning)
        if not isinstance(meaning, Meaning):
            unread = () if meaning else tuple(f"{'/'.join(event.names)}/{key}"[:64] for key in event.data)
            return Decoded(ignored=meaning or "event", unread=unread)
        at = read_time(document.get("UtcTime"), now_ns=now_ns)
        return self._result(prefix, meaning, source, at, _marked(rest))

    def _result(
        self, camera: str, meaning: Meaning, source: Mapping[str, Any], at: WireTime, marked: Sequence[str]
    ) -> Decoded:
        """Return the reading of an event at its source, and the state to remember."""
        probe, memory = self._sources.probe(camera, source, marked)
        sensor, value = f"{camera}/{probe}" if probe else camera, meaning.value
        if meaning.condition:
            key = f"={sensor}/{meaning.metric}"  # no camera's name begins with "="
            value, held = self._conditions.hold(key, meaning.condition, active=value > 0)
            memory |= held
        reading = Reading(
            *(sensor, meaning.kind, meaning.metric, value, meaning.unit),
            time_ns=at.time_ns,
            dims=meaning.dims,
            device=camera if probe else "",
            doubt=at.doubt,
        )
        return Decoded(readings=(reading,), memory=memory)


class _Sources:
    """Sources of the cameras: which one has the plain name, so that each source keeps a sensor of its own.

    The first source of a camera, numbered 0 or 1 or without a number, has the camera's name. The same source may have
    another token in each kind of event. Every other source has its token as the name of a probe.
    """

    def __init__(self) -> None:
        self._plain: OrderedDict[str, dict[str, str]] = OrderedDict()

    def restore(self, camera: str, plain: Mapping[str, Any]) -> None:
        """Restore the sources with the plain name of a camera."""
        self._plain[camera] = {key: token for key, token in plain.items() if isinstance(token, str)}

    def probe(
        self, camera: str, source: Mapping[str, Any], marked: Sequence[str]
    ) -> tuple[str, dict[str, bytes | None]]:
        """Return the probe of an event's source, "" for the camera itself; and what to remember."""
        if part := next((str(source[key]) for key in _PARTS if _is_token(source.get(key))), ""):
            return part, {}
        key = next((key for key in _CHANNELS if _is_token(source.get(key))), "")
        token = str(source[key]) if key else marked[0] if marked else ""
        if not token:
            return "", {}
        digits = _DIGITS.search(token)
        number = int(digits[1]) if digits else None
        if number is not None and number > 1:
            return token, {}
        slot, mine = (key, token) if number is None else (_NUMBERED, str(number))
        plain = self._plain.setdefault(camera, {})
        if len(self._plain) > _CAMERAS_MAX:
            self._plain.popitem(last=False)
        if slot in plain:
            return "" if plain[slot] == mine else token, {}
        plain[slot] = mine
        return "", {camera: json.dumps(plain, sort_keys=True).encode()}


def _event(levels: Sequence[str], document: Mapping[str, Any]) -> Event:
    """Return the names of a topic without namespace, source and rule, with the items of the message."""
    source = _items(document, "Source")
    names = [level.rpartition(":")[2] for level in levels if level and not level.startswith("&")]
    rule = next((source[key] for key in _RULES if is_short(source.get(key))), "")
    if not rule and names and names[0] == "RuleEngine":
        last = max((at for at, level in enumerate(levels) if level.startswith("&")), default=len(levels))
        rule = next((level for level in levels[last + 1 :] if is_short(level)), "")
    deleted = document.get("PropertyOperation") == "Deleted"
    return Event([name for name in names if name != rule] or names, rule, _items(document, "Data"), deleted)


def _items(document: Mapping[str, Any], section: str) -> dict[str, Any]:
    """Return the items of a section: an object of names, or the SimpleItem list of the XML form."""
    found = document.get(section)
    if not isinstance(found, dict):
        return {}
    items = found.get("SimpleItem")
    listed = [items] if isinstance(items, dict) else items if isinstance(items, list) else []
    named = {
        item["Name"]: item.get("Value") for item in listed if isinstance(item, dict) and is_short(item.get("Name"))
    }
    return named | {key: value for key, value in found.items() if key != "SimpleItem"}


def _marked(rest: str) -> list[str]:
    return [level[1:] for level in rest.split("/") if level.startswith("&") and level[1:]]


def _is_token(found: Any) -> bool:
    return is_short(found) or (isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 10**9)
