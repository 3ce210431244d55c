"""Metric of a title in a self-describing format ("Probe1/Water Temp", "Smoke Alarm", "Entry Count").

A title is words of its last part. The type of the value decides between a state and a measure: a boolean is never a
temperature, and "Level Alarm" is an alarm. Settings, statistics and negated states ("Smoke OK") stay undescribed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ingest.vocabulary import METRIC_BY_NAME

from .names import Meaning, meaning_of, undescribed
from .states import KIND_OF
from .units import convert, known_unit

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[a-z0-9]+")
_LETTERS = re.compile(r"[a-z]+")
_SEPARATOR = re.compile(r"[\s_\-.:]+")

_STATES: Mapping[str, str] = {
    "smoke": "smoke",
    "fire": "smoke",
    "co": "carbon_monoxide",
    "carbonmonoxide": "carbon_monoxide",
    "gas": "gas",
    "lpg": "gas",
    "methane": "gas",
    "problem": "fault",
    "trouble": "fault",
    "heat": "heat",
    "overheat": "heat",
    "leak": "leak",
    "leakage": "leak",
    "flood": "leak",
    "moisture": "leak",
    "occupied": "occupancy",
    "presence": "occupancy",
    "pir": "motion",
    "intrusion": "forced",
    "sos": "panic",
    "selftest": "test",
    "opened": "open",
    "tampered": "tamper",
    "failure": "fault",
    "failed": "fault",
    "error": "fault",
    "alert": "alarm",
}
"""Word of a boolean title -> metric, beside the names of the vocabulary."""

_PHRASES: Sequence[tuple[frozenset[str], str]] = (
    (frozenset(("carbon", "monoxide")), "carbon_monoxide"),
    (frozenset(("end", "life")), "end_of_life"),
    (frozenset(("low", "battery")), "battery_low"),
    (frozenset(("high", "level")), "level_high"),
    (frozenset(("low", "level")), "level_low"),
    (frozenset(("forced",)), "forced"),
    *((frozenset(("emergency", word)), "panic") for word in ("button", "call", "alarm")),
)
_GENERAL = ("alarm", "test", "fault", "tamper", "open", "motion")
_ABOUT = frozenset(("test", "fault", "tamper"))
"""States of the detector itself, beside those that it detects: "Smoke Detector Fault"."""

_EQUIPMENT = frozenset(
    (
        *("door", "exit", "gate", "pump", "valve", "vent", "damper", "fan", "shutter", "light", "lighting", "lamp"),
        *("heater", "boiler", "burner", "meter", "hose", "extinguisher", "hydrant", "running", "run", "on"),
        *("off", "power", "supply", "mode", "stop", "curtain", "hatch", "window", "blower", "compressor", "relay"),
    ),
)
"""Words behind a hazard that make it equipment: a fire door, a gas valve or a heat pump states no fire, gas or heat."""

_NO_DOORS = frozenset(
    ("valve", "vent", "damper", "relay", "contactor", "circuit", "switch", "breaker", "loop", "drain")
)
"""Things that are open without being a door."""

_ROOMS = frozenset(("room", "house", "hall", "cabinet", "area", "zone"))

_NEGATED = frozenset(
    ("no", "not", "ok", "normal", "clear", "cleared", "healthy", "closed", "good", "ready", "inactive")
)
_SETTINGS = frozenset(
    (
        *(
            "enable",
            "enabled",
            "disable",
            "disabled",
            "silence",
            "silenced",
            "mute",
            "muted",
            "reset",
            "ack",
            "command",
        ),
        *(
            "acknowledged",
            "setpoint",
            "set",
            "limit",
            "threshold",
            "config",
            "setting",
            "delay",
            "hysteresis",
            "offset",
        ),
        *(
            "min",
            "minimum",
            "max",
            "maximum",
            "avg",
            "average",
            "mean",
            "raw",
            "target",
            "calibration",
            "range",
            "span",
        ),
    ),
)
_CHIP = frozenset(("chip", "cpu", "mcu", "soc", "board", "processor", "core", "internal", "device", "battery", "esp32"))
BATTERIES = frozenset(("battery", "battery_voltage"))
"""Metrics whose numbers `battery_of` reads, with or without a unit."""

_BATTERY = frozenset(("battery", "batt", "bat"))
_IN = frozenset(("in", "entry", "entries", "entered", "enter", "ingress", "inbound", "entrance"))
_OUT = frozenset(("out", "exit", "exits", "exited", "egress", "outbound", "leaving"))
_COUNTED = frozenset(
    ("count", "counts", "counter", "total", "people", "persons", "person", "passages", "turnstile", "entries", "exits"),
)
_PERIOD = frozenset(("period", "interval", "delta", "last"))
_SCALED = frozenset(("m", "MPa", "m3/s", "mm", "m/s", "A", "W", "V", "dB/m", "ug/m3", "%LEL", "dBFS"))
"""Units of metrics whose numbers have several usual scales: the wire must state the unit."""


def words_of(title: str) -> list[str]:
    """Return the lower-case words of the last part of a title, without a unit at its end.

    >>> words_of("Level/DepthRaw m")
    ['depth', 'raw']
    """
    parts = [part for part in _SEPARATOR.split(_CAMEL.sub(" ", title.rpartition("/")[2])) if part]
    if len(parts) > 1 and known_unit(parts[-1]) and parts[-1].lower() not in _IN | _COUNTED | _SETTINGS:
        parts.pop()
    return [word for part in parts for word in _WORD.findall(part.lower())]


def meaning_of_title(title: str, unit: str, *, state: bool, around: str = "") -> Meaning | None:
    """Return the meaning of a title; None when it has no word.

    unit: as the wire states it, "" without one. state: the value is a boolean. around: names of the device, for
    counters of persons.

    >>> meaning_of_title("Smoke Alarm", "", state=True)
    Meaning(kind='smoke', metric='smoke', unit='bool')
    >>> [meaning_of_title(title, "", state=False).metric for title in ("Water Temp", "Depth", "Depth Limit")]
    ['temperature', 'depth_undescribed', 'depth_limit']
    """
    words = words_of(title)
    name = "_".join(words)[:64]
    if not name:
        return None
    if not name[0].isalpha():
        return meaning_of(title, unit)
    metric = "" if _SETTINGS & {*words} else _state(words) if state else _measure(words, unit, around)
    known = METRIC_BY_NAME.get(metric)
    if known is None or (not unit and known.unit in _SCALED and metric not in BATTERIES):
        return Meaning("env", undescribed(metric or name), "bool" if state else unit)
    found = meaning_of(metric, known.unit)
    return found and Meaning(KIND_OF.get(metric, found.kind), found.metric, found.unit)


def _state(words: Sequence[str]) -> str:
    """Return the metric of a boolean; "" for an undescribed one."""
    if _NEGATED & {*words}:
        return ""
    joined = "_".join(words)
    if joined in METRIC_BY_NAME and METRIC_BY_NAME[joined].unit == "bool":
        return joined
    phrase = next((metric for phrase, metric in _PHRASES if phrase <= {*words}), "")
    named = [
        (_STATES.get(word, word), next_word in _EQUIPMENT and after not in _ROOMS)
        for word, next_word, after in zip(words, [*words[1:], ""], [*words[2:], "", ""], strict=False)
    ]
    named = [(metric, equipment) for metric, equipment in named if metric != "open" or not _NO_DOORS & {*words}]
    found = [metric for metric, equipment in named if _is_state(metric) and (metric in _GENERAL or not equipment)]
    own = [metric for metric in found if metric in _ABOUT]
    special = [metric for metric in found if metric not in _GENERAL]
    return next(iter((*own, *([phrase] if phrase else ()), *special, *found)), "")


def _is_state(metric: str) -> bool:
    known = METRIC_BY_NAME.get(metric)
    return known is not None and known.unit == "bool"


def _measure(words: Sequence[str], unit: str, around: str) -> str:
    """Return the metric of a number; "" for an undescribed one."""
    joined, lengths = "_".join(words), convert(1.0, unit, "m") if unit else None
    if _BATTERY & {*words} and words[-1] not in ("temperature", "temp"):
        return "battery_voltage" if "voltage" in words or (unit and convert(1.0, unit, "V")) else "battery"
    if unit == "%LEL" or (words[-1] == "level" and (lengths or unit == "%")):
        return "gas_level" if unit == "%LEL" else "depth" if lengths else "fill"
    if joined != "level" and joined in METRIC_BY_NAME and not _is_state(joined):
        return joined
    counted = _passages({*words}, {*_LETTERS.findall(_CAMEL.sub(" ", around).lower())})
    if counted:
        return counted
    for candidate in _candidates(joined, words):
        found = meaning_of(candidate, unit)
        if found is None or found.metric not in METRIC_BY_NAME or _is_state(found.metric):
            continue
        if candidate == joined or not unit or convert(1.0, unit, found.unit) is not None:  # "CO Level" in ppm
            return "chip_temperature" if found.metric == "temperature" and _CHIP & {*words} else found.metric
    return ""


def _candidates(joined: str, words: Sequence[str]) -> Iterator[str]:
    yield joined
    yield from reversed(words)


def _passages(words: set[str], around: set[str]) -> str:
    """Return the metric of a counter of persons ("Entry Count", "In" of a turnstile); "" for anything else."""
    if not _COUNTED & (words | around) or bool(_IN & words) == bool(_OUT & words):
        return ""
    direction = "people_in" if _IN & words else "people_out"
    return direction if _PERIOD & words else f"{direction}_total"
