"""Home Assistant discovery: config topics announce the meaning of state topics.

An announcement's topic is `homeassistant/{component}/[{node}/]{object}/config`.

Source: home-assistant.io, MQTT (discovery, abbreviations), binary_sensor.mqtt, sensor.mqtt; device classes of both.

One module because announcements and the state topics they describe share the tables of entities.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.vocabulary import METRIC_BY_NAME

from .contract import Availability, Decoded, Reading, Reject
from .document import gathered, is_short, read_object, read_text, refuse
from .names import entity_name, kind_of, meaning_in, measured
from .template import Template, read_template
from .units import Quantity, convert, read_quantity

ENTITIES_MAX = 20_000
_TOPIC_MAX = 256
_CONFIG = re.compile(r"[^/]+/([a-z_]+)/((?:[A-Za-z0-9_-]+/)?[A-Za-z0-9_-]+)/config")
_SHORT: Mapping[str, str] = {
    "uniq_id": "unique_id",
    "dev_cla": "device_class",
    "stat_t": "state_topic",
    "avty_t": "availability_topic",
    "avty": "availability",
    "val_tpl": "value_template",
    "pl_on": "payload_on",
    "pl_off": "payload_off",
    "pl_avail": "payload_available",
    "pl_not_avail": "payload_not_available",
    "unit_of_meas": "unit_of_measurement",
    "cmps": "components",
    "p": "platform",
    "o": "origin",
    "t": "topic",
}
_OWN = "twinward"
# device class -> kind and metric; an entity of any other class keeps its name
_SWITCHES: Mapping[str, tuple[str, str]] = {
    "smoke": ("smoke", "smoke"),
    "motion": ("gate", "motion"),
    "occupancy": ("gate", "occupancy"),
    "presence": ("gate", "occupancy"),
    "door": ("gate", "open"),
    "garage_door": ("gate", "open"),
    "opening": ("gate", "open"),
    "window": ("gate", "open"),
    "moisture": ("water", "leak"),
    "carbon_monoxide": ("env", "carbon_monoxide"),
    "gas": ("env", "gas"),
    "vibration": ("env", "vibration"),
    "tamper": ("device", "tamper"),
    "problem": ("device", "fault"),
    "battery": ("device", "battery_low"),
}
_MEASURES: Mapping[str, tuple[str, str]] = {
    "distance": ("water", "distance"),
    "temperature": ("env", "temperature"),
    "humidity": ("env", "humidity"),
    "carbon_dioxide": ("env", "co2"),
    "carbon_monoxide": ("env", "co"),
    "pm25": ("env", "pm25"),
    "illuminance": ("env", "illuminance"),
    "sound_pressure": ("env", "noise"),
    "power": ("env", "power"),
    "current": ("env", "current"),
    "wind_speed": ("env", "wind_speed"),
    "pressure": ("water", "pressure"),
    "precipitation": ("water", "rain"),
    "volume_flow_rate": ("water", "flow"),
    "battery": ("device", "battery"),
    "signal_strength": ("device", "rssi"),
}


@dataclass(frozen=True, slots=True)
class _Entity:
    """One announced entity: the meaning of its state topic."""

    id: str
    kind: str
    metric: str
    unit: str
    wire_unit: str
    template: Template
    on: str = ""
    off: str = ""


@dataclass(frozen=True, slots=True)
class _Presence:
    """Meaning of the words on an availability topic, for one entity."""

    entity: str
    online: str
    offline: str


@dataclass(slots=True)
class _Announced:
    """Entities that one config topic announced."""

    entities: list[tuple[str, _Entity]] = field(default_factory=list)
    presences: list[tuple[str, _Presence]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


class HaDiscoveryDecoder:
    """Decoder of discovered binary sensors and sensors. Its state: the announcements, for ENTITIES_MAX entities.

    A topic of another format stays with that format: its bridge announces the same devices a second time.
    Announcements of the service are skipped.

    Works badly for: templates that compute, which are rejected as `template`; `availability_mode`, where every value
    counts as `latest`; `expire_after`, which offline detection replaces.

    >>> decoder = HaDiscoveryDecoder()
    >>> about = b'{"unique_id": "m1", "device_class": "motion", "state_topic": "yard/motion"}'
    >>> decoder.decode("homeassistant/binary_sensor/yard/config", about, retained=True, now_ns=0).subscribe
    ['yard/motion']
    >>> decoder.decode("yard/motion", b"ON", retained=False, now_ns=0).readings[0].metric
    'motion'
    """

    name = "ha_discovery"

    def __init__(self, *, base: str = "homeassistant", taken: Callable[[str], bool] = lambda _: False) -> None:
        """base: the discovery prefix. taken: whether a topic belongs to another format."""
        self._base = f"{base}/"
        self._taken = taken
        self._configs: dict[str, _Announced] = {}
        self._entities = 0
        self._states: dict[str, list[_Entity]] = {}
        self._presences: dict[str, list[_Presence]] = {}

    @property
    def subscriptions(self) -> Sequence[str]:
        """Return the filters of announcements, and every topic that they name."""
        return (f"{self._base}+/+/config", f"{self._base}+/+/+/config", *{**self._states, **self._presences})

    def claims(self, topic: str) -> bool:
        """Return True for announcements, and for every topic that they name."""
        return topic.startswith(self._base) or topic in self._states or topic in self._presences

    def recall(self, kept: Iterable[tuple[str, bytes]]) -> None:
        """Restore announcements, by their topics."""
        for topic, payload in kept:
            self.decode(topic, payload, retained=True, now_ns=0)

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002 - contract
        """Decode one message; the caller decides whether retained readings count."""
        config = _CONFIG.fullmatch(topic)
        if config is not None and topic.startswith(self._base):
            return self._announce(topic, config[1], config[2], payload)
        readings: list[Reading] = []
        rejects: list[Reject] = []
        availability: list[Availability] = []
        if topic in self._presences:
            text = read_text(payload)
            if isinstance(text, Reject):
                return refuse(text)
            availability = [
                Availability(presence.entity, text == presence.online)
                for presence in self._presences[topic]
                if text in (presence.online, presence.offline)
            ]
        for found in self._readings(self._states.get(topic, ()), payload):
            if isinstance(found, Reject):
                rejects.append(found)
            else:
                readings.append(found)
        return gathered(readings, rejects, availability=availability)

    def _readings(self, entities: Sequence[_Entity], payload: bytes) -> Iterator[Reading | Reject]:
        if not entities or not payload:
            return
        document: Any = None
        if any(entity.template.json for entity in entities):
            document = read_object(payload)
            if isinstance(document, Reject):
                yield document
                return
        for entity in entities:
            raw: Any = None
            if entity.template.json:
                raw = entity.template.render(document)
            else:
                text = read_text(payload)
                raw = text if isinstance(text, Reject) else entity.template.render(text)
            found = raw if isinstance(raw, Reject) else _read(entity, raw)
            if found is not None:
                yield found

    def _announce(self, topic: str, component: str, path: str, payload: bytes) -> Decoded:
        gone = self._withdraw(topic)
        if not payload:
            return Decoded(removed=gone, memory={topic: None} if gone else {}, ignored="" if gone else "forgotten")
        document = read_object(payload)
        if isinstance(document, Reject):
            return refuse(document)
        config = _expand(document)
        origin = config.get("origin")
        if isinstance(origin, dict) and origin.get("name") == _OWN:
            return Decoded(ignored="own")
        announced = self._read_config(component, path.replace("/", "_"), config)
        if not announced.entities:
            ignored = "" if announced.rejects else "announcement"
            return Decoded(rejects=announced.rejects, ignored=ignored, removed=gone, memory={topic: None})
        if self._entities + len(announced.entities) > ENTITIES_MAX:
            return refuse(Reject("sensor_limit", f"more than {ENTITIES_MAX} announced entities"))
        self._configs[topic] = announced
        self._entities += len(announced.entities)
        for state, entity in announced.entities:
            self._states.setdefault(state, []).append(entity)
        for where, presence in announced.presences:
            self._presences.setdefault(where, []).append(presence)
        names = [entity.id for _, entity in announced.entities]
        topics = dict.fromkeys([where for where, _ in (*announced.entities, *announced.presences)])
        return Decoded(
            declares=names,
            removed=[name for name in gone if name not in names],
            rejects=announced.rejects,
            ignored="announcement",
            subscribe=list(topics),
            memory={topic: payload},
        )

    def _withdraw(self, topic: str) -> list[str]:
        """Remove the entities that a config topic announced; return their ids."""
        announced = self._configs.pop(topic, None)
        if announced is None:
            return []
        self._entities -= len(announced.entities)
        for state, entity in announced.entities:
            self._states[state].remove(entity)
            if not self._states[state]:
                del self._states[state]
        for where, presence in announced.presences:
            self._presences[where].remove(presence)
            if not self._presences[where]:
                del self._presences[where]
        return [entity.id for _, entity in announced.entities]

    def _read_config(self, component: str, name: str, config: Mapping[str, Any]) -> _Announced:
        """Return the entities of one announcement: one entity, or all components of a device."""
        announced = _Announced()
        if component != "device":
            self._add(announced, component, name, config)
            return announced
        parts = config.get("components")
        shared = {key: value for key, value in config.items() if key not in ("components", "device", "unique_id")}
        for key, part in list(parts.items())[:ENTITIES_MAX] if isinstance(parts, dict) else ():
            if isinstance(part, dict):
                own = {**shared, **_expand(part)}
                self._add(announced, str(own.get("platform", "")), f"{name}_{key}", own)
        return announced

    def _add(self, announced: _Announced, component: str, name: str, config: Mapping[str, Any]) -> None:
        """Add one entity to the announcement; components without a measurement are skipped."""
        state = config.get("state_topic")
        if component not in ("binary_sensor", "sensor") or not _is_topic(state) or self._taken(str(state)):
            return
        template = read_template(str(config.get("value_template") or ""))
        if template is None:
            announced.rejects.append(Reject("template", str(config.get("value_template"))[:120]))
            return
        found = config.get("unique_id")
        entity = _entity(component, str(found) if is_short(found, length_max=128) else name, config, template)
        if entity is None:
            announced.rejects.append(Reject("metric_name", f"{name[:60]} names no metric"))
            return
        announced.entities.append((str(state), entity))
        for where, online, offline in _presence(config):
            if not self._taken(where):
                announced.presences.append((where, _Presence(entity.id, online, offline)))


def _expand(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config with abbreviated keys and the base topic `~` expanded."""
    base = config.get("~", config.get("base_topic"))
    long = {_SHORT.get(key, key): value for key, value in config.items()}
    return {key: _based(value, base) if key.endswith("topic") else value for key, value in long.items()}


def _based(value: Any, base: Any) -> Any:
    if not isinstance(value, str) or not isinstance(base, str):
        return value
    if value.startswith("~"):
        return base + value[1:]
    return value[:-1] + base if value.endswith("~") else value


def _is_topic(found: Any) -> bool:
    """Return whether a text is a topic without wildcards."""
    return isinstance(found, str) and 0 < len(found) <= _TOPIC_MAX and not re.search(r"[#+\x00$]", found)


def _entity(component: str, name: str, config: Mapping[str, Any], template: Template) -> _Entity | None:
    device_class, title = config.get("device_class"), config.get("name")
    title = str(title) if is_short(title) else name
    if component == "binary_sensor":
        on, off = _word(config.get("payload_on", "ON")), _word(config.get("payload_off", "OFF"))
        known = _SWITCHES.get(device_class) if isinstance(device_class, str) else None
        metric = known[1] if known else entity_name(title)
        kind = known[0] if known else kind_of(title, otherwise="gate")
        return _Entity(name, kind, metric, "bool", "", template, on, off) if metric else None
    found = config.get("unit_of_measurement")
    unit = str(found) if is_short(found, length_max=16) else ""
    known = _MEASURES.get(device_class) if isinstance(device_class, str) else None
    if known and (unit == "" or convert(1.0, unit, METRIC_BY_NAME[known[1]].unit) is not None):
        return _Entity(name, *known, METRIC_BY_NAME[known[1]].unit, unit, template)
    meaning = meaning_in(title, unit)
    if meaning is None or meaning.unit == "bool" or measured(meaning, 1.0, unit) is None:
        metric = entity_name(title)
        return _Entity(name, kind_of(title, otherwise="env"), metric, unit, unit, template) if metric else None
    return _Entity(name, meaning.kind, meaning.metric, meaning.unit, unit, template)


def _presence(config: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield availability topics with their words for online and offline."""
    many = config.get("availability")
    listed = [part for part in many if isinstance(part, dict)] if isinstance(many, list) else []
    for part in (config, *map(_expand, listed[:16])):
        where = part.get("availability_topic", part.get("topic"))
        if _is_topic(where):
            online, offline = part.get("payload_available", "online"), part.get("payload_not_available", "offline")
            yield str(where), _word(online), _word(offline)


def _word(found: Any) -> str:
    """Return a payload as the text of a rendered template: true is "True"."""
    return (
        found if isinstance(found, str) else str(found) if isinstance(found, bool | int | float) else json.dumps(found)
    )


def _read(entity: _Entity, raw: Any) -> Reading | Reject | None:  # noqa: PLR0911 - a return a case
    """Return a rendered value as a reading; None for no measurement."""
    if raw is None:
        return None
    if entity.unit == "bool":
        text = _word(raw)
        if text not in (entity.on, entity.off):
            return (
                None
                if text in ("None", "", "unknown", "unavailable")
                else Reject("type", f"{text[:40]!r} is neither on nor off")
            )
        return Reading(entity.id, entity.kind, entity.metric, float(text == entity.on), "bool")
    quantity = None if isinstance(raw, bool) else read_quantity(raw)
    if quantity is None:
        return Reject("type", f"{entity.metric} is no number")
    if not isinstance(quantity, Quantity):
        return None
    number = quantity.value
    if entity.wire_unit != entity.unit:
        found = convert(number, entity.wire_unit, entity.unit)
        if found is None:
            return Reject("type", f"{entity.metric} in a foreign unit")
        number = found
    return Reading(entity.id, entity.kind, entity.metric, number, entity.unit)
