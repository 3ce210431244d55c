"""Entities of Home Assistant discovery: their meaning by component, device class, name and unit.

Source: home-assistant.io, MQTT (discovery, abbreviations), binary_sensor.mqtt, sensor.mqtt, lock.mqtt, cover.mqtt,
alarm_control_panel.mqtt; device classes of each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ingest.vocabulary import METRIC_BY_NAME, Quality

from .contract import Reading, Reject
from .document import is_short, number_of
from .names import Meaning, described, entity_name, is_chip, kind_of, meaning_of, undescribed
from .states import flag_of
from .template import Template, read_template
from .titles import meaning_of_title
from .units import Quantity, convert, normal_unit, read_quantity

_TOPIC_MAX = 256
_UNIT_MAX = 16
SHORT: Mapping[str, str] = {
    "uniq_id": "unique_id",
    "dev_cla": "device_class",
    "stat_t": "state_topic",
    "avty_t": "availability_topic",
    "avty": "availability",
    "avty_mode": "availability_mode",
    "avty_tpl": "availability_template",
    "val_tpl": "value_template",
    "pl_on": "payload_on",
    "pl_off": "payload_off",
    "pl_avail": "payload_available",
    "pl_not_avail": "payload_not_available",
    "unit_of_meas": "unit_of_measurement",
    "off_dly": "off_delay",
    "stat_open": "state_open",
    "stat_clsd": "state_closed",
    "stat_locked": "state_locked",
    "stat_unlocked": "state_unlocked",
    "stat_jam": "state_jammed",
    "ops": "options",
    "cmps": "components",
    "p": "platform",
    "o": "origin",
    "dev": "device",
    "t": "topic",
}
# device class -> kind and metric; an entity of any other class keeps its name
SWITCHES: Mapping[str, tuple[str, str]] = {
    "smoke": ("smoke", "smoke"),
    "heat": ("smoke", "heat"),
    "motion": ("gate", "motion"),
    "occupancy": ("gate", "occupancy"),
    "presence": ("gate", "occupancy"),
    "door": ("gate", "open"),
    "garage_door": ("gate", "open"),
    "opening": ("gate", "open"),
    "window": ("gate", "open"),
    "lock": ("gate", "lock_open"),
    "moisture": ("water", "leak"),
    "carbon_monoxide": ("env", "carbon_monoxide"),
    "gas": ("env", "gas"),
    "safety": ("env", "alarm"),
    "vibration": ("env", "vibration"),
    "moving": ("env", "vibration"),
    "tamper": ("device", "tamper"),
    "problem": ("device", "fault"),
    "battery": ("device", "battery_low"),
}
MEASURES: Mapping[str, tuple[str, str]] = {
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
    "atmospheric_pressure": ("water", "pressure"),
    "precipitation": ("water", "rain"),
    "volume_flow_rate": ("water", "flow"),
    "battery": ("device", "battery"),
    "signal_strength": ("device", "rssi"),
}
IGNORED: Mapping[str, str] = {
    "text, choice or time": "classes `enum`, `timestamp`, `date` and components `text`, `select`, `date`, `time`",
    "state of an actuator": (
        "components `switch`, `light`, `fan`, `climate`, `humidifier`, `siren`, `valve`, `number`, `water_heater`"
    ),
    "event of a button": "components `event`, `device_automation`, `button`, `scene`, `tag`, `notify`",
    "picture or place": "components `camera`, `image`, `device_tracker`, `update`, `vacuum`, `lawn_mower`",
}
"""Reason -> components and classes that announce no reading."""
COMPONENTS = ("binary_sensor", "sensor", "alarm_control_panel", "lock", "cover")
"""Components with readings."""

_NO_NUMBERS = frozenset(("enum", "timestamp", "date", "uptime"))
_GATES = frozenset(("door", "garage", "gate", "window"))
_UNKNOWN = frozenset(("None", "", "unknown", "unavailable", "null"))
_TRIGGERED = "triggered"


@dataclass(frozen=True, slots=True)
class Entity:
    """One announced entity: the meaning of its state topic.

    states: value of each word of a two-valued entity. others: value of any other word; None to leave it out, "reject"
    to reject it. lasts_s: time after which an active state ends without a message, 0 for never.
    """

    id: str
    kind: str
    metric: str
    unit: str
    wire_unit: str
    template: Template
    states: Mapping[str, float] = field(default_factory=dict)
    others: float | str | None = "reject"
    lasts_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Presence:
    """Meaning of the words on an availability topic, for one entity. mode: all, any or latest."""

    entity: str
    online: str
    offline: str
    template: Template
    mode: str


def expand(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config with abbreviated keys and the base topic `~` expanded."""
    base = config.get("~", config.get("base_topic"))
    long = {SHORT.get(key, key): value for key, value in config.items()}
    return {key: _based(value, base) if key.endswith("topic") else value for key, value in long.items()}


def is_topic(found: Any) -> bool:
    """Return whether a text is a topic without wildcards."""
    return isinstance(found, str) and 0 < len(found) <= _TOPIC_MAX and not re.search(r"[#+\x00$]", found)


def read_entity(component: str, name: str, config: Mapping[str, Any]) -> Entity | Reject | None:
    """Return the entity of an announcement; None for one that announces no reading."""
    if component not in COMPONENTS or not is_topic(config.get("state_topic")):
        return None
    template = read_template(str(config.get("value_template") or ""))
    if template is None:
        return Reject("template", str(config.get("value_template"))[:120])
    title = config.get("name")
    title = str(title) if is_short(title) else name
    if component == "sensor":
        return _number(name, title, config, template)
    if component == "binary_sensor":
        return _binary(name, title, config, template)
    return _states_of(component, name, config, template)


def read_presences(name: str, config: Mapping[str, Any]) -> Iterator[tuple[str, Presence]]:
    """Yield availability topics with their words for online and offline."""
    many = config.get("availability")
    many = [many] if isinstance(many, dict) else many
    listed = [part for part in many if isinstance(part, dict)] if isinstance(many, list) else []
    mode = str(config.get("availability_mode", "latest"))
    for part in (config, *map(expand, listed[:16])):
        where = part.get("availability_topic", part.get("topic"))
        text = part.get("availability_template") if part is config else part.get("value_template")
        template = read_template(str(text or ""))
        if is_topic(where) and template is not None:
            online, offline = part.get("payload_available", "online"), part.get("payload_not_available", "offline")
            yield str(where), Presence(name, word_of(online), word_of(offline), template, mode)


def word_of(found: Any) -> str:
    """Return a payload as the text of a rendered template: true is "True", 1.0 is "1"."""
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if isinstance(found, str):
        return found
    return str(found) if isinstance(found, bool | int | float) else json.dumps(found)


def read_value(entity: Entity, raw: Any, *, test: bool) -> Reading | Reject | str | None:
    """Return a rendered value as a reading; "fault" for NaN, "unread" for a text, None for no measurement."""
    if raw is None:
        return None
    quality = Quality.TEST if test or entity.metric == "test" else Quality.GOOD
    found = _state(entity, raw) if entity.unit == "bool" else _measured(entity, raw)
    if not isinstance(found, float):
        return found
    lasts_s = entity.lasts_s if found > 0 else 0.0
    return Reading(entity.id, entity.kind, entity.metric, found, entity.unit, quality=quality, lasts_s=lasts_s)


def _state(entity: Entity, raw: Any) -> float | Reject | None:
    text = word_of(raw)
    if text in entity.states:
        return entity.states[text]
    if text in _UNKNOWN:
        return None
    if entity.others == "reject":
        return Reject("type", f"{text[:40]!r} is neither on nor off")
    return entity.others if isinstance(entity.others, float) else None


def _measured(entity: Entity, raw: Any) -> float | Reject | str | None:
    if raw != raw or (isinstance(raw, str) and raw.strip().lower().strip("+-") == "nan"):  # noqa: PLR0124 - NaN
        return "fault"
    quantity = None if isinstance(raw, bool) else read_quantity(raw)
    if quantity is None:
        return Reject("type", f"{entity.metric} is no number") if entity.unit or not isinstance(raw, str) else "unread"
    if not isinstance(quantity, Quantity):
        return None
    unit = quantity.unit or entity.wire_unit
    number = quantity.value if unit == entity.unit or not entity.unit else convert(quantity.value, unit, entity.unit)
    return Reject("type", f"{entity.metric} in a foreign unit") if number is None else number


def _based(value: Any, base: Any) -> Any:
    if not isinstance(value, str) or not isinstance(base, str):
        return value
    if value.startswith("~"):
        return base + value[1:]
    return value[:-1] + base if value.endswith("~") else value


def _binary(name: str, title: str, config: Mapping[str, Any], template: Template) -> Entity | Reject:
    on, off = word_of(config.get("payload_on", "ON")), word_of(config.get("payload_off", "OFF"))
    word, device_class = entity_name(title), config.get("device_class")
    known = SWITCHES.get(device_class) if isinstance(device_class, str) else flag_of(word)
    meaning = meaning_of(word, "bool") if METRIC_BY_NAME.get(word, None) else None
    if known is None and meaning is not None and meaning.unit == "bool":
        known = meaning.kind, meaning.metric
    kind, metric = known or (kind_of(title, otherwise="gate"), undescribed(word) if word else "")
    if not metric:
        return Reject("metric_name", f"{name[:60]} names no metric")
    lasts_s = max(0.0, number_of(config.get("off_delay")) or 0.0)
    return Entity(name, kind, metric, "bool", "", template, {off: 0.0, on: 1.0}, lasts_s=lasts_s)


def _states_of(component: str, name: str, config: Mapping[str, Any], template: Template) -> Entity | None:
    """Return a lock, a gate or an alarm panel as a two-valued entity."""
    if component == "alarm_control_panel":
        return Entity(name, "env", "alarm", "bool", "", template, {_TRIGGERED: 1.0}, others=0.0)
    if component == "lock":
        opened, closed = config.get("state_unlocked", "UNLOCKED"), config.get("state_locked", "LOCKED")
        states = {word_of(config.get("state_jammed", "JAMMED")): 1.0, word_of(closed): 0.0, word_of(opened): 1.0}
        return Entity(name, "gate", "lock_open", "bool", "", template, states, others=None)
    if config.get("device_class") not in _GATES:
        return None
    states = {word_of(config.get("state_closed", "closed")): 0.0, word_of(config.get("state_open", "open")): 1.0}
    return Entity(name, "gate", "open", "bool", "", template, states, others=None)


def _number(name: str, title: str, config: Mapping[str, Any], template: Template) -> Entity | Reject | None:
    device_class, found = config.get("device_class"), config.get("unit_of_measurement")
    unit = normal_unit(str(found)) if is_short(found, length_max=_UNIT_MAX) else ""
    if device_class in _NO_NUMBERS or config.get("options"):
        return None
    meaning = _of_class(str(device_class), f"{title} {name}", unit) or meaning_of_title(title, unit, state=False)
    if meaning is None or (unit and meaning.metric in METRIC_BY_NAME and convert(1.0, unit, meaning.unit) is None):
        word = entity_name(title)
        meaning = Meaning("env", undescribed(word), unit) if word else None
    if meaning is None:
        return Reject("metric_name", f"{name[:60]} names no metric")
    kind = meaning.kind if meaning.metric in METRIC_BY_NAME else kind_of(f"{title} {device_class}", otherwise="env")
    return Entity(name, kind, meaning.metric, meaning.unit, unit, template)


def _of_class(device_class: str, title: str, unit: str) -> Meaning | None:
    """Return the meaning by device class; None without one, or in a unit of another quantity."""
    if device_class == "voltage" and re.search(r"batt", title, re.IGNORECASE):
        return Meaning("device", "battery_voltage", "V") if unit else None
    if device_class == "temperature" and is_chip(title):
        return described(Meaning("device", "chip_temperature", "Cel"), unit)
    if device_class not in MEASURES:
        return None
    kind, metric = MEASURES[device_class]
    canonical = METRIC_BY_NAME[metric].unit
    if unit and convert(1.0, unit, canonical) is None:
        return None
    return described(Meaning(kind, metric, canonical), unit)
