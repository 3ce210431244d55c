"""Sparkplug B: one edge node a school, births with aliases, data by alias.

Topics are `spBv1.0/{site}/{type}/edge-1[/{device}]`.

Source: Eclipse Sparkplug Specification 3.0, sections 5 and 6; eclipse/tahu, sparkplug_b.proto for the field numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from simulators.campus.fleet import Device, Fleet, Samples
from simulators.encode.contract import Message
from simulators.encode.metrics import BOOLEANS, COUNTS, HEALTH, MEASURED, UNITS
from simulators.encode.protobuf import double, flag, message, number, text
from simulators.encode.rows import Row, in_order

NODE = "edge-1"
LATE_MS = 60_000
"""Data delayed longer than this on the node are sent as historical."""

_INT64, _DOUBLE, _BOOLEAN = 4, 10, 11
_SEQ_COUNT = 256


class SparkplugB:
    """Edge nodes in the standard's order: NBIRTH, DBIRTHs, then data by alias; DDEATH or NDEATH at the end.

    Births carry the last values, null where there is none. A lost measurement is null. Drills have no mark in the
    format and are not sent; the format forbids retained copies. Carries all models but cameras and ponds, whose level
    would be decoded as a depth.
    """

    name = "sparkplug_b"

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._seq: dict[str, int] = {}
        self._lives: dict[str, int] = {}
        self._up: dict[str, dict[int, None]] = {}
        self._values: dict[tuple[int, str], float] = {}

    def carries(self, device: Device) -> bool:
        """Return True for models whose metrics have exact names in this format."""
        return device.model in MEASURED

    def identity(self, device: Device, metric: str) -> str:
        """Return `group/node/device`."""
        del metric
        return f"{device.site}/{NODE}/{device.id}"

    def begin(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return the node's birth if it was down, and a birth of each device."""
        found: list[Message] = []
        for index in devices:
            site = self._fleet.devices[index].site
            up = self._up.setdefault(site, {})
            if site not in self._seq:
                self._lives[site] = self._lives.get(site, -1) + 1
                self._seq[site] = _SEQ_COUNT - 1
                rebirth = _metric("Node Control/Rebirth", at_ms, _BOOLEAN, 0.0)
                metrics = [_metric("bdSeq", at_ms, _INT64, self._lives[site]), rebirth]
                found.append(self._message(site, "NBIRTH", "", at_ms, metrics))
            up[index] = None
            found.append(self._message(site, "DBIRTH", self._fleet.devices[index].id, at_ms, self._birth(index, at_ms)))
        return found

    def lose(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return the node's last will for the loss of every device, else a death of each device."""
        found: list[Message] = []
        for index in devices:
            site = self._fleet.devices[index].site
            self._up.get(site, {}).pop(index, None)
        for site in dict.fromkeys(self._fleet.devices[index].site for index in devices):
            if not self._up.get(site) and site in self._seq:
                del self._seq[site]
                will = number(1, at_ms) + message(2, _metric("bdSeq", at_ms, _INT64, self._lives[site]))
                found.append(Message(at_ms, f"spBv1.0/{site}/NDEATH/{NODE}", will))
                continue
            gone = [index for index in devices if self._fleet.devices[index].site == site]
            found += [self._message(site, "DDEATH", self._fleet.devices[index].id, at_ms, []) for index in gone]
        return found

    def encode(self, parts: Sequence[Samples]) -> list[Message]:
        """Return a DDATA for each row; rows without a known metric, drills and retained copies are left out."""
        return [found for row in in_order(parts) if not (row.retain or row.is_test) and (found := self._data(row))]

    def _data(self, row: Row) -> Message | None:
        device = self._fleet.devices[row.device]
        known = self._metrics(device.model)
        historical = row.due_ms - row.time_ms > LATE_MS
        late = flag(5, on=True) if historical else b""
        metrics = []
        for name, value in row.values.items():
            if name in known:
                head = number(2, self._alias(row.device, known.index(name))) + number(3, row.time_ms)
                metrics.append(head + late + _value(name, value))
                if not historical:
                    self._values[row.device, name] = value
        return self._message(device.site, "DDATA", device.id, row.due_ms, metrics) if metrics else None

    def _birth(self, index: int, at_ms: int) -> list[bytes]:
        known = self._metrics(self._fleet.devices[index].model)
        metrics = []
        for place, name in enumerate(known):
            unit = UNITS.get(name, "")
            properties = text(1, "engUnit") + message(2, number(1, 12) + text(8, unit))
            head = text(1, f"Inputs/{name}") + number(2, self._alias(index, place)) + number(3, at_ms)
            head += number(4, _datatype(name)) + _value(name, self._values.get((index, name), float("nan")))
            metrics.append(head + (message(9, properties) if unit else b""))
        return metrics

    def _alias(self, index: int, place: int) -> int:
        """Return the metric's alias, unique in the node."""
        return (index % len(self._fleet.drawn)) * 16 + place + 1

    def _message(self, site: str, kind: str, device: str, at_ms: int, metrics: Sequence[bytes]) -> Message:
        self._seq[site] = (self._seq.get(site, _SEQ_COUNT - 1) + 1) % _SEQ_COUNT
        payload = number(1, at_ms) + b"".join(message(2, metric) for metric in metrics) + number(3, self._seq[site])
        tail = f"/{device}" if device else ""
        return Message(at_ms, f"spBv1.0/{site}/{kind}/{NODE}{tail}", payload)

    @staticmethod
    def _metrics(model: str) -> tuple[str, ...]:
        return (*MEASURED[model], *HEALTH)


def _datatype(name: str) -> int:
    return _BOOLEAN if name in BOOLEANS else _INT64 if name in COUNTS else _DOUBLE


def _metric(name: str, at_ms: int, datatype: int, value: float) -> bytes:
    written = flag(14, on=bool(value)) if datatype == _BOOLEAN else number(11, int(value))
    return text(1, name) + number(3, at_ms) + number(4, datatype) + written


def _value(name: str, value: float) -> bytes:
    """Return the value's field, or is_null."""
    if value != value:  # noqa: PLR0124 - NaN
        return flag(7, on=True)
    datatype = _datatype(name)
    if datatype == _BOOLEAN:
        return flag(14, on=value == 1.0)
    return number(11, int(value)) if datatype == _INT64 else double(13, value)
