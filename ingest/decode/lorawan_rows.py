"""Rows of the LoRaWAN table: the meaning of one key of a codec, and the readings of its values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from ingest.tables import FilledText, Reads
from ingest.vocabulary import KINDS, METRIC_BY_NAME, Quality

from .batteries import battery_of
from .contract import Reading, Reject
from .names import undescribed
from .native import _METRIC
from .units import FAULTY, MISSING, Quantity, convert, read_quantity

ANY = "*"
"""Profile of the rows for every model."""

NUMBER = "{n}"
"""Place of the channel's digits in a key ("WaterLeak_{n}") and in the name of its probe."""

_FOLDED = re.compile(r"[^a-z0-9.]+")
_TRUE = (
    "1 true on yes alarm alarmed triggered trigger detected detection active abnormal open opened leak leaking leakage "
    "wet occupied motion smoke fire uninstalled removed tampered low pressed testing"
)
_FALSE = (
    "0 false off no normal noalarm none clear cleared inactive notdetected nodetection close closed noleak dry idle "
    "vacant unoccupied nomotion nosmoke nofire installed ok good released"
)
_BROKEN = frozenset(("fault", "failed", "failure", "error", "collectionerror", "collectionfailed", "sensorexception"))
"""Words for a failed measurement: a fault of the device, and the state of a key that reports faults."""

STATES: Mapping[str, bool | float] = {
    **dict.fromkeys(_TRUE.split(), True),
    **dict.fromkeys(_FALSE.split(), False),
}
"""Words of states in public codecs, folded, for rows of a boolean metric without `values`."""


def _names(given: Any) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else tuple(given)
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError
    return names


Profiles = Annotated[tuple[str, ...], Reads(_names, "a text that is not empty, or a list of them")]


@dataclass(frozen=True, slots=True)
class Row:
    """Meaning of one key of device profiles; lorawan.toml describes the fields."""

    profile: Profiles
    key: FilledText
    kind: str = ""
    metric: str = ""
    unit: str = ""
    factor: float = 1.0
    values: Mapping[str, bool | float] = field(default_factory=dict)
    missing: Sequence[float] = ()
    fault: Sequence[float | str] = ()
    test: Sequence[str] = ()
    distrusts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    probe: str = ""
    low: str = ""
    unless: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def canonical_unit(self) -> str:
        """Unit of the readings."""
        known = METRIC_BY_NAME.get(self.metric)
        return ("bool" if self.values and not self.unit else self.unit) if known is None else known.unit


@dataclass(frozen=True, slots=True)
class Ignored:
    """Keys of device profiles that are no readings, with the reason."""

    profile: Profiles
    keys: Sequence[str]
    reason: FilledText


@dataclass(slots=True)
class Meaning:
    """Readings, rejects, notices and unread keys of one uplink's fields.

    faulty: (sensor, metric) without a measurement. testing: a test button or a simulation marks the whole message.
    """

    readings: list[Reading] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    faulty: list[tuple[str, str]] = field(default_factory=list)
    testing: bool = False


def marked(reading: Reading, quality: Quality) -> Reading:
    """Return the reading with that quality; a stored or doubtful value keeps its own."""
    return replace(reading, quality=quality) if reading.quality == Quality.GOOD else reading


def misfits(row: Row) -> Iterator[str]:
    """Yield errors of a row: a kind or metric that does not exist, a unit of another quantity."""
    if (row.distrusts or row.test) and not row.metric:
        return
    if row.kind not in KINDS:
        yield f"kind = {row.kind!r}: allowed is one of {', '.join(KINDS)}"
    if not _METRIC.fullmatch(row.metric):
        yield f"metric = {row.metric!r}: allowed is a name of letters, digits and _, at most 64 characters"
    elif convert(1.0, row.unit, row.canonical_unit) is None:
        yield f"unit = {row.unit!r}: allowed is a unit that converts to {row.canonical_unit!r}"


def word(raw: Any) -> str:
    """Return a value as a folded word: numbers arrive as doubles, so 1.0 is "1"; "No Alarm" is "noalarm"."""
    if isinstance(raw, bool | int | float):
        return f"{float(raw):g}" if abs(raw) < 10**9 else ""
    return _FOLDED.sub("", raw.lower()) if isinstance(raw, str) else ""


def apply(row: Row, raw: Any, stamp: Reading, meaning: Meaning) -> bool:
    """Add the readings of one value. Return whether the row reads the value, also as no measurement or as a fault.

    stamp: a reading with the sensor, the times and the quality to copy.
    """
    if word(raw) in map(word, row.test):
        meaning.testing = True
    if not row.metric:
        return True
    if row.metric == "battery" and ANY in row.profile:
        return _apply_battery(raw, stamp, meaning)
    if row.low and isinstance(raw, str) and raw.endswith(row.low):
        raw = raw.removesuffix(row.low)
        own = stamp.device or stamp.sensor
        meaning.readings.append(
            replace(stamp, sensor=own, device="", kind="device", metric="battery_low", value=1.0, unit="bool")
        )
    value = _state(row, raw) if row.values or row.canonical_unit == "bool" else _measure(row, raw)
    if value is FAULTY:
        begin_fault(row.metric, stamp, meaning)
    elif isinstance(value, Reject):
        meaning.rejects.append(value)
    elif isinstance(value, bool | int | float):
        meaning.readings.append(
            replace(stamp, kind=row.kind, metric=row.metric, value=float(value), unit=row.canonical_unit)
        )
    return value is not None


def begin_fault(metric: str, stamp: Reading, meaning: Meaning) -> None:
    """Add a device fault in place of a measurement of the metric."""
    meaning.notices.append(f"sensor_fault: {metric[:64]}")
    meaning.faulty.append((stamp.sensor, metric))
    meaning.readings.append(replace(stamp, kind="device", metric="fault", value=1.0, unit="bool"))


def _apply_battery(raw: Any, stamp: Reading, meaning: Meaning) -> bool:
    """Add the battery of a model without a profile; a number of another scale stays undescribed."""
    found = read_quantity(raw)
    if isinstance(found, Quantity):
        metric, value, unit = battery_of(found.value, found.unit) or (undescribed("battery"), found.value, found.unit)
        meaning.readings.append(replace(stamp, kind="device", metric=metric, value=value, unit=unit))
    return found is not None


def _state(row: Row, raw: Any) -> Any:
    """Return the number or boolean of a word; None for a word outside the table."""
    if raw is None:
        return MISSING
    spelled = word(raw)
    if spelled in map(word, row.fault):
        return FAULTY
    known = {word(name): value for name, value in row.values.items() if name != ANY} if row.values else STATES
    if spelled in known:
        return known[spelled]
    if ANY in row.values:
        return row.values[ANY]
    if spelled in _BROKEN:
        return True if row.metric == "fault" else FAULTY
    found = read_quantity(raw) if isinstance(raw, str) else None
    return found if found in (MISSING, FAULTY) else None


def _measure(row: Row, raw: Any) -> Any:  # noqa: PLR0911 - a return a case
    """Return the value in the metric's unit, MISSING, FAULTY, a Reject, or None for a word or a structure."""
    found = read_quantity(raw)
    if isinstance(raw, str) and (word(raw) in _BROKEN or word(raw) in map(word, row.fault)):
        return FAULTY
    if isinstance(raw, bool | dict | list):
        return None
    if found is None:
        return Reject("type", f"{row.key[:64]} is no number")
    if not isinstance(found, Quantity):
        return found
    if found.value in row.missing:
        return MISSING
    if found.value in row.fault:
        return FAULTY
    value = convert(found.value * row.factor, found.unit or row.unit, row.canonical_unit)
    return Reject("type", f"{row.key[:64]} in a foreign unit") if value is None else value
