"""Keys of LoRaWAN codecs -> readings, by a table of device profiles that users extend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ingest.errors import TableError
from ingest.tables import FilledText, TableReader
from ingest.vocabulary import KINDS, METRIC_BY_NAME, Quality

from .contract import Reading, Reject
from .native import _METRIC, _PERSONAL
from .units import FAULTY, MISSING, Quantity, convert, read_quantity

ANY = "*"
_FIELDS_MAX = 256


@dataclass(frozen=True, slots=True)
class Row:
    """Meaning of one key of one device profile; lorawan.toml describes the fields."""

    profile: FilledText
    key: FilledText
    kind: str = ""
    metric: str = ""
    unit: str = ""
    factor: float = 1.0
    values: Mapping[str, bool | float] = field(default_factory=dict)
    missing: Sequence[float] = ()
    fault: Sequence[float] = ()
    test: Sequence[str] = ()
    distrusts: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def canonical_unit(self) -> str:
        """Unit of the readings."""
        known = METRIC_BY_NAME.get(self.metric)
        return self.unit if known is None else known.unit


@dataclass(slots=True)
class Meaning:
    """Readings, rejects and notices of one uplink's fields."""

    readings: list[Reading] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


class LorawanTable:
    """Profiles and their keys. Later rows win over earlier ones of the same profile and key."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._profiles: dict[str, dict[str, list[Row]]] = {}
        for row in rows:
            self._profiles.setdefault(row.profile.lower(), {}).setdefault(row.key, []).append(row)

    def extended(self, other: LorawanTable) -> LorawanTable:
        """Return this table with the keys of another added; the other's keys win."""
        table = LorawanTable(())
        table._profiles = {name: dict(keys) for name, keys in self._profiles.items()}
        for name, keys in other._profiles.items():
            table._profiles.setdefault(name, {}).update(keys)
        return table

    def interpret(self, profile: str, fields: Mapping[str, Any], stamp: Reading) -> Meaning:
        """Return the readings of a codec's fields. stamp: a reading with the sensor, times and quality to copy."""
        own = self._rows(profile)
        rows = {**self._profiles.get(ANY, {}), **(own or {})}
        meaning = Meaning()
        for key in list(fields)[:_FIELDS_MAX]:
            for row in rows.get(key, ()):
                _apply(row, fields[key], stamp, meaning)
            if key not in rows and own is None:
                _keep_unknown(key, fields[key], stamp, meaning)
        _distrust(rows, fields, meaning)
        return meaning

    def recognise(self, fields: Mapping[str, Any]) -> str:
        """Return the only profile with a key among these fields that no other has; "" for none or several."""
        homes = ({name for name, rows in self._profiles.items() if name != ANY and key in rows} for key in fields)
        unique = {name for home in homes if len(home) == 1 for name in home}
        return unique.pop() if len(unique) == 1 else ""

    def _rows(self, profile: str) -> Mapping[str, list[Row]] | None:
        """Return the rows of that profile, else of the longest profile name contained in it; None without a match."""
        name = profile.lower()
        if name in self._profiles:
            return self._profiles[name]
        parts = [known for known in self._profiles if known != ANY and known in name]
        return self._profiles[max(parts, key=len)] if parts else None


@cache
def load_table(path: Path | None = None) -> LorawanTable:
    """Return the table of a TOML file, or the shipped one. Raises TableError with all errors."""
    reader = TableReader.open(path or files("ingest.decode").joinpath("lorawan.toml"), TableError)
    reader.expect("mapping")
    read = [
        reader.record(Row, entry, f"mapping {number}", check=_misfits)
        for number, entry in enumerate(reader.entries("mapping"), 1)
    ]
    reader.finish()
    return LorawanTable(row for row in read if row)


def _misfits(row: Row) -> Iterator[str]:
    """Yield errors of a row: a kind or metric that does not exist, a unit of another quantity."""
    if row.distrusts and not row.metric:
        return
    if row.kind not in KINDS:
        yield f"kind = {row.kind!r}: allowed is one of {', '.join(KINDS)}"
    if not _METRIC.fullmatch(row.metric):
        yield f"metric = {row.metric!r}: allowed is a name of letters, digits and _, at most 64 characters"
    elif convert(1.0, row.unit, row.canonical_unit) is None:
        yield f"unit = {row.unit!r}: allowed is a unit that converts to {row.canonical_unit!r}"


def _apply(row: Row, raw: Any, stamp: Reading, meaning: Meaning) -> None:
    """Apply one row to one value; a value that is no measurement adds nothing."""
    if not row.metric:
        return
    value = row.values.get(_word(raw)) if row.values else _measure(row, raw)
    if value is FAULTY:
        _tell_fault(row.key, stamp, meaning)
    elif isinstance(value, Reject):
        meaning.rejects.append(value)
    elif isinstance(value, bool | int | float):
        quality = Quality.TEST if _word(raw) in row.test else stamp.quality
        kind, unit = row.kind, row.canonical_unit if not row.values else row.canonical_unit or "bool"
        meaning.readings.append(
            replace(stamp, kind=kind, metric=row.metric, value=float(value), unit=unit, quality=quality)
        )


def _tell_fault(key: str, stamp: Reading, meaning: Meaning) -> None:
    meaning.notices.append(f"sensor_fault: {key[:64]}")
    meaning.readings.append(replace(stamp, kind="device", metric="fault", value=1.0, unit="bool"))


def _measure(row: Row, raw: Any) -> Any:
    """Return the value in the metric's unit, MISSING, FAULTY, or a Reject."""
    found = read_quantity(raw)
    if found is None or isinstance(raw, bool):
        return Reject("type", f"{row.key[:64]} is no number")
    if not isinstance(found, Quantity):
        return found
    if found.value in row.missing:
        return MISSING
    if found.value in row.fault:
        return FAULTY
    value = convert(found.value * row.factor, found.unit or row.unit, row.canonical_unit)
    return Reject("type", f"{row.key[:64]} in a foreign unit") if value is None else value


def _word(raw: Any) -> str:
    """Return a word in the spelling of the table: numbers arrive as doubles, so 1.0 is "1"."""
    if isinstance(raw, bool | int | float):
        return f"{float(raw):g}" if abs(raw) < 10**9 else ""
    return raw if isinstance(raw, str) else ""


def _keep_unknown(key: str, raw: Any, stamp: Reading, meaning: Meaning) -> None:
    """Add a number or boolean without a row in the profile under its own name."""
    if isinstance(raw, str) and read_quantity(raw) is FAULTY:
        _tell_fault(key, stamp, meaning)
        return
    if not isinstance(raw, bool | int | float) or not _METRIC.fullmatch(key):
        return
    if _PERSONAL.search(key):
        meaning.notices.append("personal_data")
        return
    found = read_quantity(raw)
    if isinstance(found, Quantity):
        unit = "bool" if isinstance(raw, bool) else ""
        meaning.readings.append(replace(stamp, kind="env", metric=key, value=found.value, unit=unit))
        meaning.notices.append("unknown_metric")


def _distrust(rows: Mapping[str, list[Row]], fields: Mapping[str, Any], meaning: Meaning) -> None:
    doubted = {
        metric
        for key, found in rows.items()
        for row in found
        for metric in row.distrusts.get(_word(fields.get(key)), ())
    }
    if doubted:
        meaning.notices.append(f"distrusted: {', '.join(sorted(doubted))}")
        meaning.readings = [
            replace(reading, quality=Quality.FAULT) if reading.metric in doubted else reading
            for reading in meaning.readings
        ]
