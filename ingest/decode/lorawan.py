"""Keys of LoRaWAN codecs -> readings, by a table of device profiles that users extend.

A channel of a device is a sensor of its own, `{device}/{probe}`: a key with a channel number (`WaterLeak_{n}`), a probe
that the table names, or an object inside the fields. A model without a profile takes from the shared rows (`*`) the
keys that mean the same with every model; its other numbers stay undescribed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ingest.errors import TableError
from ingest.tables import TableReader
from ingest.vocabulary import Quality

from . import dragino
from .contract import Reading
from .document import branch, is_short
from .lorawan_rows import ANY, NUMBER, Ignored, Meaning, Row, apply, marked, misfits, word
from .lorawan_unknown import read_unknown
from .times import read_time

_FIELDS_MAX = 256
_DEPTH_MAX = 4
_HISTORY_MAX = 1_000
_UNREAD_MAX = 32
_PROFILES_MAX = 256
"""Prepared profiles; one that is used again later is prepared again."""
_DIGITS = re.compile(r"\d+")
_CHANNEL = re.compile(r"_\d+$")
_PLAIN = re.compile(r"[^a-z0-9]+")
_MODEL_FIELDS = ("Node_type", "Device", "model", "Model", "SENSOR_MODEL", "Sensor_model")
_HISTORY, _EVENT, _TIME = "history", "event", "timestamp"

_Rows = Mapping[str, list[Row]]
_Path = tuple[str, ...]


class LorawanTable:
    """Profiles with their keys, and ignored keys. Later rows win over earlier ones of the same profile and key."""

    def __init__(self, rows: Iterable[Row], ignored: Iterable[Ignored] = ()) -> None:
        self._profiles: dict[str, dict[str, list[Row]]] = {}
        self._ignored: dict[str, dict[str, str]] = {}
        self._prepared = lru_cache(_PROFILES_MAX)(self._prepare)
        for row in rows:
            for name in row.profile:
                self._profiles.setdefault(_plain(name), {}).setdefault(row.key.lower(), []).append(row)
        for entry in ignored:
            for name in entry.profile:
                self._ignored.setdefault(_plain(name), {}).update(dict.fromkeys(entry.keys, entry.reason))

    def extended(self, other: LorawanTable) -> LorawanTable:
        """Return this table with the keys of another added; the other's keys win."""
        table = LorawanTable(())
        table._profiles = {name: dict(keys) for name, keys in self._profiles.items()}
        table._ignored = {name: dict(keys) for name, keys in self._ignored.items()}
        for name, keys in other._profiles.items():
            table._profiles.setdefault(name, {}).update(keys)
        for name, reasons in other._ignored.items():
            table._ignored.setdefault(name, {}).update(reasons)
        return table

    def read(self, names: Sequence[Any], fields: Mapping[str, Any], stamp: Reading) -> Meaning:
        """Return the meaning of a codec's fields, with the past values in their `history`.

        names: of the model at the network server, the most specific first; the fields may name it too. stamp: a reading
        with the sensor, times and quality to copy.
        """
        models = (*names, *(fields.get(key) for key in _MODEL_FIELDS), branch(fields, "data").get(_MODEL_FIELDS[0]))
        profile, past = self._find(models), fields.get(_HISTORY)
        if stored := dragino.logged(models, fields):
            past, fields = stored, {key: value for key, value in fields.items() if key not in dragino.OWN_KEYS}
        present = {
            key: value for key, value in _events_of(fields).items() if key != _HISTORY or not isinstance(past, list)
        }
        meaning = self.interpret(profile, present, stamp)
        for item in past[:_HISTORY_MAX] if isinstance(past, list) else ():
            self._add_history(profile, item, stamp, meaning)
        meaning.unread = list(dict.fromkeys(meaning.unread))[:_UNREAD_MAX]
        return meaning

    def interpret(self, profile: str, fields: Mapping[str, Any], stamp: Reading) -> Meaning:
        """Return the meaning of the fields of a device of that profile; "" for a model without a profile."""
        own, rows, ignored, doubts = self._prepared(profile)
        meaning = Meaning()
        for path, raw in _leaves(fields, rows):
            if any(part in ignored or _CHANNEL.sub("", part) in ignored for part in path):
                continue
            found, number, inside = _rows_of(path, rows)
            if found:
                taken = [
                    apply(row, raw, _probe(stamp, row.probe, number, inside), meaning)
                    for row in found
                    if not _excluded(row, fields)
                ]
                if taken and not any(taken):
                    meaning.unread.append(".".join(path))
            elif not own:
                read_unknown(path, raw, _probe(stamp, "", "", path[:-1]), meaning)
            elif raw is not None:
                meaning.unread.append(".".join(path))
        _distrust(doubts, fields, meaning)
        _merge_states(meaning)
        if meaning.testing:
            meaning.readings = [marked(reading, Quality.TEST) for reading in meaning.readings]
        return meaning

    def _add_history(self, profile: str, item: Any, stamp: Reading, meaning: Meaning) -> None:
        """Add a value that the device stored while it had no link (Milesight: timestamp in seconds; Dragino: text)."""
        time_ns = read_time(item.get(_TIME), now_ns=0).time_ns if isinstance(item, dict) else None
        if time_ns is None:
            meaning.notices.append("history_without_time")
            return
        fields = {key: value for key, value in item.items() if key != _TIME}
        old = self.interpret(profile, fields, replace(stamp, time_ns=time_ns, doubt="", quality=Quality.HISTORICAL))
        meaning.readings += [reading for reading in old.readings if reading.metric != "fault"]
        meaning.rejects += old.rejects
        meaning.notices += old.notices
        meaning.unread += old.unread

    def _find(self, names: Sequence[Any]) -> str:
        """Return the first name with a profile; "" for none."""
        return next((name for name in names if is_short(name, length_max=128) and self._match(name)), "")

    def _prepare(self, profile: str) -> tuple[bool, _Rows, frozenset[str], list[tuple[str, Row]]]:
        """Return whether the profile is known, its rows by key, its ignored keys, and its rows that distrust others."""
        own = self._match(profile)
        rows = {key: found for name in (ANY, *own) for key, found in self._profiles.get(name, {}).items()}
        ignored = frozenset(key for name in (ANY, *own) for key in self._ignored.get(name, {}))
        doubts = [(key, row) for key, found in rows.items() for row in found if row.distrusts]
        return bool(own), rows, ignored, doubts

    def _match(self, name: str) -> Sequence[str]:
        """Return the profiles whose names that name contains, the longest last: its rows win."""
        plain = _plain(name)
        return sorted((known for known in self._profiles if known != ANY and known in plain), key=len)


@cache
def load_table(path: Path | None = None) -> LorawanTable:
    """Return the table of a TOML file, or the shipped one. Raises TableError with all errors."""
    reader = TableReader.open(path or files("ingest.decode").joinpath("lorawan.toml"), TableError)
    reader.expect("mapping", "ignore")
    rows = [
        reader.record(Row, entry, f"mapping {number}", check=misfits)
        for number, entry in enumerate(reader.entries("mapping"), 1)
    ]
    ignored = [
        reader.record(Ignored, entry, f"ignore {number}") for number, entry in enumerate(reader.entries("ignore"), 1)
    ]
    reader.finish()
    return LorawanTable((row for row in rows if row), (entry for entry in ignored if entry))


def _plain(name: str) -> str:
    return ANY if name == ANY else _PLAIN.sub("", name.lower())


def _events_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with those of their `event` list, as Milesight's codecs of 2025 print alarms."""
    events = fields.get(_EVENT)
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        return {**fields}
    inner = {key: value for event in events for key, value in event.items()}
    return inner | {key: value for key, value in fields.items() if key != _EVENT}


def _leaves(fields: Mapping[str, Any], rows: _Rows) -> Iterator[tuple[_Path, Any]]:
    """Yield the values with their paths, in order and bounded.

    An object that a row reads stays whole; {"value": 21, "unit": "mm"} is one value.
    """
    stack: list[tuple[_Path, Any]] = [((key,), value) for key, value in reversed([*fields.items()])]
    for _ in range(_FIELDS_MAX):
        if not stack:
            return
        path, value = stack.pop()
        if isinstance(value, dict) and "value" in value and isinstance(value.get("unit"), str):
            yield path, f"{value['value']} {value['unit']}"
        elif isinstance(value, dict) and "value" in value and "displayName" in value:
            yield path, value["value"]
        elif isinstance(value, dict) and len(path) < _DEPTH_MAX and not _reads_whole(_rows_of(path, rows)[0]):
            stack += [((*path, key), inner) for key, inner in reversed(value.items())]
        else:
            yield path, value


def _reads_whole(rows: Sequence[Row]) -> bool:
    return any(ANY in row.values for row in rows)


def _rows_of(path: _Path, rows: _Rows) -> tuple[Sequence[Row], str, _Path]:
    """Return the rows of a path, its channel number, and the objects around a key with rows of its own."""
    for key, inside in ((".".join(path).lower(), ()), (path[-1].lower(), path[:-1])):
        if key in rows:
            return rows[key], "", inside
        for digits in _DIGITS.finditer(key):
            numbered = rows.get(key[: digits.start()] + NUMBER + key[digits.end() :])
            if numbered:
                return numbered, digits[0], inside
    return (), "", ()


def _probe(stamp: Reading, probe: str, number: str, inside: _Path) -> Reading:
    """Return the stamp of the device, or of the probe that the row, the channel number or the objects around name."""
    own = probe.replace(NUMBER, number) or number
    name = "/".join((*inside, own) if own else inside)[:64]
    return replace(stamp, sensor=f"{stamp.sensor}/{name}", device=stamp.sensor) if name else stamp


def _excluded(row: Row, fields: Mapping[str, Any]) -> bool:
    return any(word(fields.get(key)) in map(word, words) for key, words in row.unless.items())


def _merge_states(meaning: Meaning) -> None:
    """Leave one reading of each state of a sensor: set if any of the keys that report it is set."""
    states: dict[tuple[str, str], Reading] = {}
    for reading in meaning.readings:
        key = reading.sensor, reading.metric
        if reading.unit == "bool" and reading.value >= states.get(key, reading).value:
            states[key] = reading
    meaning.readings = [
        reading for reading in meaning.readings if states.get((reading.sensor, reading.metric), reading) is reading
    ]


def _distrust(doubts: Sequence[tuple[str, Row]], fields: Mapping[str, Any], meaning: Meaning) -> None:
    if not doubts:
        return
    spelled = {key.lower(): word(value) for key, value in fields.items()}
    doubted = {
        metric
        for key, row in doubts
        for spelling, metrics in row.distrusts.items()
        if word(spelling) == spelled.get(key)
        for metric in metrics
    }
    if doubted:
        meaning.notices.append(f"distrusted: {', '.join(sorted(doubted))}")
        meaning.readings = [
            replace(reading, quality=Quality.FAULT) if reading.metric in doubted else reading
            for reading in meaning.readings
        ]
