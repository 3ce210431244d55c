"""Metrics of Sparkplug B: definitions of a birth, probes of a device, and numbers by data type.

Source: Eclipse Sparkplug Specification 3.0, section 6.4.16 (data types). Signed integers are two's complement, in the
width of their type or extended to the carrier (eclipse/tahu sends both).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .batteries import battery_of
from .contract import Reject
from .lorawan_rows import STATES, word
from .names import Meaning, measured, undescribed
from .titles import BATTERIES, meaning_of_title
from .units import known_unit

BOOLEAN, _DATE_TIME, _TEMPLATE = 11, 13, 19
_DEPTH_MAX = 4
_TEXTS = frozenset((12, 14))
_WIDTHS: Mapping[int, int] = {1: 8, 2: 16, 3: 32, 4: 64, 5: 8, 6: 16, 7: 32, 8: 64}
_SIGNED = frozenset((1, 2, 3, 4))
_CARRIER = {"int_value": 32, "long_value": 64}
_PROBE_MAX = 64


@dataclass(frozen=True, slots=True)
class Definition:
    """Definition of a metric in a birth.

    meaning: of its number or state; state: of 0 and 1 where the number has no meaning; probe: sensor behind the device,
    "" for the device itself.
    """

    name: str
    datatype: int
    meaning: Meaning | None
    unit: str
    state: Meaning | None = None
    probe: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    """A value with its meaning, in the meaning's unit."""

    meaning: Meaning
    number: float


def expand(message: Any, name_of: Callable[[int], str]) -> None:
    """Replace the instances of templates in a payload by their members, named "{template}/{member}".

    name_of: returns the name of an alias. The template stays without its value, for its alias.
    """
    if any(metric.HasField("template_value") for metric in message.metrics):
        flat = [one for metric in message.metrics for one in _members(metric, name_of, 0)]
        del message.metrics[:]
        message.metrics.extend(flat)


def is_template(metric: Any, known: Definition) -> bool:
    """Return whether a metric is a template, whose members have their own values."""
    return (int(metric.datatype) or known.datatype) == _TEMPLATE


def defined(metrics: Iterable[Any], around: str) -> dict[str, Definition]:
    """Return the definitions of one device's metrics by name. around: names of its node and device.

    Metrics that would be one series are probes: by their folders where these differ, otherwise by their names. A device
    with a single source of each metric has none.
    """
    found = {metric.name: _definition(metric, around) for metric in metrics if metric.name}
    groups: dict[str, list[str]] = defaultdict(list)
    for name, known in found.items():
        if known.meaning is not None and known.datatype != _TEMPLATE:
            groups[(known.state or known.meaning).metric].append(name)
    probes = dict(_probes(groups.values()))
    folders = {probe for name, probe in probes.items() if probe == _folder(name)}
    return {
        name: replace(known, probe=probes.get(name, _folder(name) if _folder(name) in folders else "")[:_PROBE_MAX])
        for name, known in found.items()
    }


def value_of(metric: Any, known: Definition) -> Value | Reject | None:
    """Return the value of a metric; None for a text, a date or a structure without a meaning."""
    datatype = int(metric.datatype) or known.datatype
    state = known.meaning if known.meaning is not None and known.meaning.unit == "bool" else known.state
    if metric.HasField("string_value"):
        spelled = STATES.get(word(metric.string_value))
        return None if spelled is None or state is None else Value(state, float(spelled))
    number = _number(metric, datatype)
    if number is None or isinstance(number, Reject) or known.meaning is None:
        return number if isinstance(number, Reject) else None
    if datatype == BOOLEAN:
        return Value(state, number) if state else Reject("type", f"{known.name[:60]!r} is a boolean")
    if state is not None and number in (0, 1) and datatype in _WIDTHS:
        return Value(state, number)
    return _measured(known, known.meaning, number)


def written_unit(name: str) -> str:
    """Return the unit at the end of a name ("Level/Depth m"); "" without one."""
    head, _, tail = name.rpartition(" ")
    return tail if head and known_unit(tail) else ""


def property_of(metric: Any, key: str) -> Any:
    """Return a property of a metric; None without it."""
    properties = metric.properties
    for name, value in zip(properties.keys, properties.values, strict=False):
        if name == key and not value.is_null:
            return next(
                (getattr(value, set_.name) for set_, _ in value.ListFields() if set_.name.endswith("_value")), None
            )
    return None


def _members(metric: Any, name_of: Callable[[int], str], depth: int) -> Iterator[Any]:
    """Yield the metric without its template, then the members of the template, unless it is a definition."""
    if not metric.HasField("template_value"):
        yield metric
        return
    plain = type(metric)()
    plain.CopyFrom(metric)
    plain.ClearField("template_value")
    plain.datatype = _TEMPLATE
    yield plain
    template, name = metric.template_value, metric.name or name_of(int(metric.alias))
    for member in () if template.is_definition or depth >= _DEPTH_MAX else template.metrics:
        inner = type(member)()
        inner.CopyFrom(member)
        inner.name = f"{name}/{member.name}"
        inner.ClearField("alias")
        inner.is_historical = member.is_historical or metric.is_historical
        if metric.HasField("timestamp") and not member.HasField("timestamp"):
            inner.timestamp = metric.timestamp
        yield from _members(inner, name_of, depth + 1)


def _definition(metric: Any, around: str) -> Definition:
    stated = property_of(metric, "engUnit")
    unit = stated if isinstance(stated, str) and stated else written_unit(metric.name)
    datatype, near = int(metric.datatype), f"{around}/{_folder(metric.name)}"
    if datatype == BOOLEAN or datatype in _TEXTS:
        return Definition(metric.name, datatype, meaning_of_title(metric.name, "", state=True, around=near), unit)
    meaning = meaning_of_title(metric.name, unit, state=False, around=near)
    state = meaning_of_title(metric.name, "", state=True)
    plain = meaning is not None and meaning.metric == undescribed(meaning.metric) and not unit
    alarm = plain and state is not None and state.metric != (meaning.metric if meaning else "")
    return Definition(metric.name, datatype, meaning, unit, state if alarm and datatype in _WIDTHS else None)


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _probes(groups: Iterable[list[str]]) -> Iterator[tuple[str, str]]:
    """Yield the probe of each name that shares its metric with others; one of them may be the device's own."""
    for names in groups:
        folders = [_folder(name) for name in names]
        for name, folder in zip(names, folders, strict=True):
            if len(names) > 1 and folders.count(folder) > 1:
                yield name, name
            elif len(names) > 1 and folder:
                yield name, folder


def _number(metric: Any, datatype: int) -> float | Reject | None:
    """Return the number or boolean of a metric; None for anything else."""
    for field in ("boolean_value", "float_value", "double_value"):
        if metric.HasField(field):
            return float(getattr(metric, field))
    field = next((field for field in _CARRIER if metric.HasField(field)), "")
    if not field or datatype == _DATE_TIME:
        return None
    raw, bits = int(getattr(metric, field)), _WIDTHS.get(datatype)
    if bits is None:
        return float(bool(raw)) if datatype == BOOLEAN else float(raw)
    above, low = raw >> bits, raw & ((1 << bits) - 1)
    extended = above == (1 << max(0, _CARRIER[field] - bits)) - 1
    if datatype in _SIGNED and (above == 0 or extended):
        return float(low - (1 << bits) if low >> (bits - 1) else low)
    return float(low) if above == 0 else Reject("type", f"{raw} has more than {bits} bits")


def _measured(known: Definition, meaning: Meaning, number: float) -> Value | Reject:
    if meaning.metric in BATTERIES:
        metric, level, unit = battery_of(number, known.unit) or (undescribed(meaning.metric), number, known.unit)
        return Value(Meaning(meaning.kind, metric, unit), level)
    value = measured(meaning, number, known.unit) if meaning.unit != "bool" else number
    if value is None:
        return Reject("type", f"{known.name[:60]!r} is not in a unit of {meaning.metric}")
    return Value(meaning, value)
