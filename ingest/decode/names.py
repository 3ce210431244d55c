"""Metric of a property in a self-describing format, by its name or else by its unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.vocabulary import DEVICE_METRICS, METRIC_BY_NAME

from .units import convert, normal_unit

_UNDESCRIBED = "_undescribed"
_METRIC = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ALIASES: Mapping[str, str] = {
    "temp": "temperature",
    "hum": "humidity",
    "rh": "humidity",
    "water_level": "depth",
    "batt": "battery",
    "lux": "illuminance",
}
_LEVEL_UNITS = frozenset(("m", "dm", "cm", "mm"))
_BY_UNIT: Mapping[str, str] = {
    "Cel": "temperature",
    "°C": "temperature",
    "K": "temperature",
    "%RH": "humidity",
    "lx": "illuminance",
    "lux": "illuminance",
    "ppm": "co2",
    "Pa": "pressure",
    "A": "current",
    "W": "power",
    "V": "voltage",
    "dBm": "rssi",
}
_KINDS: tuple[tuple[range, str], ...] = (
    (range(1, 5), "smoke"),
    (range(10, 20), "gate"),
    (range(20, 30), "water"),
    (range(30, 40), "camera"),
)


_KIND_WORDS: tuple[tuple[str, frozenset[str]], ...] = (
    ("smoke", frozenset(("smoke", "fire", "heat"))),
    (
        "water",
        frozenset(("water", "cistern", "tank", "well", "pond", "pump", "sump", "flood", "level", "depth", "distance")),
    ),
    ("gate", frozenset(("gate", "door", "window", "turnstile", "lock", "barrier", "switch", "input", "contact"))),
)
_WORD = re.compile(r"[A-Za-z]+|\d+")
_CHIP_WORDS = frozenset(
    ("chip", "cpu", "mcu", "soc", "processor", "esp", "rp", "internal", "die", "pcb", "mainboard", "device")
)
_STATED_UNITS = frozenset(("", "bool", "count", "%", "%LEL", "ppm", "lx", "dB", "dBm", "lqi", "ug/m3"))
"""Units of metrics that have only one usual unit: a value without a unit is in it."""
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Meaning:
    """Kind, metric and unit; the unit is "" for a metric outside the vocabulary."""

    kind: str
    metric: str
    unit: str


def meaning_of(name: str, unit: str) -> Meaning | None:
    """Return the meaning of a property with this name and unit on the wire; None when neither identifies a metric.

    A metric of the vocabulary, or a usual short form of one, is that metric. A level in metres is water above a probe.
    Any other valid name is a metric outside the vocabulary. With an invalid name the unit decides.

    >>> meaning_of("temp", "Cel")
    Meaning(kind='env', metric='temperature', unit='Cel')
    """
    word = name.lower().replace("-", "_")
    word, unit = _ALIASES.get(word, word), normal_unit(unit)
    if word == "level" and unit in _LEVEL_UNITS:
        word = "depth"
    if not _METRIC.fullmatch(word):
        word = _BY_UNIT.get(unit, "")
    if not word:
        return None
    known = METRIC_BY_NAME.get(word)
    if known is None:
        return Meaning("env", word, unit)
    kind = next((kind for codes, kind in _KINDS if known.code in codes), "env")
    return Meaning("device" if word in DEVICE_METRICS else kind, word, known.unit)


def described(meaning: Meaning, unit: str) -> Meaning:
    """Return the meaning of a value whose description has this unit; a length without one stays undescribed.

    The temperature of a processor is no temperature of the room: see `is_chip`.

    >>> described(meaning_of("depth", ""), "").metric, described(meaning_of("humidity", ""), "").metric
    ('depth_undescribed', 'humidity')
    """
    if unit or meaning.unit in _STATED_UNITS:
        return meaning
    return Meaning(meaning.kind, undescribed(meaning.metric), "")


def is_chip(name: str) -> bool:
    """Return whether a temperature of this name is that of the device's processor ("ESP32 Temperature")."""
    return not _CHIP_WORDS.isdisjoint(word.lower() for word in _WORD.findall(_CAMEL.sub(" ", name)))


def entity_name(name: str) -> str:
    """Return an entity's name as a metric name: lower-case letters, digits, underscores; "" when none remain."""
    word = re.sub(r"[^a-z0-9]+", "_", _CAMEL.sub("_", name).lower()).strip("_")[:64]
    return word if _METRIC.fullmatch(word) else ""


def undescribed(name: str) -> str:
    """Return the metric of a foreign value whose unit and meaning no document of its model states.

    The name of a described metric would give the value that metric's unit and rules.

    >>> undescribed("depth"), undescribed("flux")
    ('depth_undescribed', 'flux')
    """
    return f"{name}{_UNDESCRIBED}"[:64] if name.lower() in METRIC_BY_NAME or name.lower() in _ALIASES else name


def unmarked(metric: str) -> str:
    """Return the metric without the mark of `undescribed`."""
    return metric.removesuffix(_UNDESCRIBED)


def kind_of(name: str, *, otherwise: str) -> str:
    """Return the kind that a word of the name indicates ("cistern_distance": water)."""
    words = {word.lower() for word in _WORD.findall(_CAMEL.sub(" ", name))}
    return next((kind for kind, known in _KIND_WORDS if words & known), otherwise)


def measured(meaning: Meaning, value: float, unit: str) -> float | None:
    """Return the value in the meaning's unit; None when the wire's unit does not convert to it."""
    if not unit or meaning.unit in ("", unit, normal_unit(unit)):
        return value
    return convert(value, unit, meaning.unit)
