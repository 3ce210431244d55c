"""Two-valued states of self-describing formats: the alarm of a name, the state of a word."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# name of a state -> (kind, metric)
FLAGS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("smoke", "fire"), ("smoke", "smoke")),
    **dict.fromkeys(("heat", "overheat"), ("smoke", "heat")),
    **dict.fromkeys(("carbon_monoxide", "co"), ("env", "carbon_monoxide")),
    **dict.fromkeys(("gas", "lpg", "methane"), ("env", "gas")),
    **dict.fromkeys(("leak", "water_leak", "flood", "moisture", "water"), ("water", "leak")),
    **dict.fromkeys(("panic", "sos", "emergency"), ("env", "panic")),
    **dict.fromkeys(("occupancy", "presence"), ("gate", "occupancy")),
    **dict.fromkeys(("vibration", "moving"), ("env", "vibration")),
    **dict.fromkeys(("fault", "problem", "trouble"), ("device", "fault")),
    **dict.fromkeys(("battery_low", "low_battery"), ("device", "battery_low")),
    "end_of_life": ("device", "end_of_life"),
    "tamper": ("device", "tamper"),
    "motion": ("gate", "motion"),
    "forced": ("gate", "forced"),
    "level_high": ("water", "level_high"),
    "level_low": ("water", "level_low"),
}
KIND_OF: Mapping[str, str] = {metric: kind for kind, metric in FLAGS.values()}
"""Metric of a state -> kind of the sensor that reports nothing else."""

_TRUE = frozenset(("on", "true", "alarm", "detected", "leak", "open", "yes", "1", "wet", "triggered", "active"))
_FALSE = frozenset(
    ("off", "false", "normal", "clear", "no_leak", "closed", "no", "0", "none", "dry", "ok", "idle", "inactive")
)
_UNKNOWN = frozenset(("", "unknown", "unavailable", "preheat", "checking", "null"))
_ENDINGS = re.compile(r"_(?:alarm|alert|detected|detector|detection|state|status|sensor)$")
_WORDS_MAX = 3
_NEGATIONS = frozenset(("no", "not", "without"))
_TESTS = ("test", "self_test", "selftest", "carbon_monoxide_test", "simulated", "simulation")
_TESTING = frozenset((True, "testing", "checking", "test"))


def flag_of(name: str) -> tuple[str, str] | None:
    """Return kind and metric of a two-valued state with this name, by its last words; None for another name.

    name: in lower case, words joined by underscores.

    >>> flag_of("kitchen_smoke_detected"), flag_of("gas_valve")
    (('smoke', 'smoke'), None)
    """
    shorter = _ENDINGS.sub("", name)
    words = shorter.split("_")
    if not _NEGATIONS.isdisjoint(words):
        return None
    for count in range(min(_WORDS_MAX, len(words)), 0, -1):
        if found := FLAGS.get("_".join(words[-count:])):
            return found
    return None


def read_word(value: Any) -> bool | str:
    """Return the state of a boolean, 0, 1 or a word; "" for unknown, and any other word as it is."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()[:40] if isinstance(value, int | str) else type(value).__name__
    return word in _TRUE if word in _TRUE or word in _FALSE else "" if word in _UNKNOWN else word


def is_test(state: Mapping[str, Any]) -> bool:
    """Return whether a device's state is of a self-test, which marks every value beside it."""
    return any(state.get(key) in _TESTING for key in _TESTS if isinstance(state.get(key), bool | str))
