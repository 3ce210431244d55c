"""Sparkplug B: `spBv1.0/{group}/{type}/{node}[/{device}]` in protobuf.

Source: Eclipse Sparkplug Specification 3.0, sections 5 (operational behaviour) and 6 (payloads). Births carry names and
aliases, data carry aliases. `seq` counts a node's messages from 0 to 255. A death is valid only with its birth's bdSeq.

One module because births, aliases, sequence and deaths change one state per node; metrics and schema have their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

from cachetools import LRUCache

from ingest.vocabulary import Quality

from .contract import Availability, Decoded, Reading, Reject, Request
from .document import gathered, refuse
from .faults import Faults
from .lorawan_rows import marked
from .sparkplug_metrics import BOOLEAN, Definition, defined, expand, is_template, property_of, value_of
from .times import SECOND_NS, read_time

_ROOT = "spBv1.0/"
NODES_MAX = 10_000
METRICS_MAX = 10_000
_REBIRTH_EVERY_NS = 10 * SECOND_NS
_TEST_NS = 600 * SECOND_NS
"""Longest time that one test flag marks the readings of its device: a flag that stays set withholds no alarm."""

_SEQ_COUNT = 256
_CONTROL = ("Node Control/", "Device Control/", "Node Info/", "Properties/")
_BD_SEQ = "bdSeq"
_BAD_QUALITY = frozenset((0, 500))  # bad, stale; 192 is good
_TYPES = frozenset(("NBIRTH", "NDEATH", "DBIRTH", "DDEATH", "NDATA", "DDATA"))
_NODE_LEVELS, _DEVICE_LEVELS = 3, 4
_SEQ_KEY = "seq:"


@dataclass(slots=True)
class _Node:
    """A live edge node: number of its birth, last seq, metrics by (device, name).

    aliases: alias -> device of its birth, and metric. tests: device -> arrival of its last test flag.
    """

    bd_seq: int = -1
    seq: int = -1
    born: bool = False
    aliases: dict[int, tuple[str, Definition]] = field(default_factory=dict)
    names: dict[tuple[str, str], Definition] = field(default_factory=dict)
    tests: dict[str, int] = field(default_factory=dict)
    devices: dict[str, bool] = field(default_factory=dict)


@dataclass(slots=True)
class _Found:
    readings: list[Reading] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


class SparkplugBDecoder:
    """Decoder of Sparkplug B as a non-primary host. Its state: the births, for NODES_MAX nodes.

    Data before a birth are rejected as `undescribed`. The decoder then requests a rebirth, at most every ten seconds;
    it does the same after a gap in `seq`. A metric without a value is a fault of its device. Metrics of one device that
    would be one series are probes, `{group}/{node}/{device}/{folder}`.

    Works badly for: data sets, texts and files, which are unread; reordered messages, which count as a gap.

    >>> SparkplugBDecoder().decode("spBv1.0/g/DDATA/n/d", b"", retained=False, now_ns=0).requests[0].topic
    'spBv1.0/g/NCMD/n'
    """

    name = "sparkplug_b"
    subscriptions: Sequence[str] = tuple(
        f"{_ROOT}+/{kind}/+{tail}"
        for kind, tail in (
            *(("NBIRTH", ""), ("NDATA", ""), ("NDEATH", "")),
            *(("DBIRTH", "/+"), ("DDATA", "/+"), ("DDEATH", "/+")),
        )
    )

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._asked: LRUCache[str, int] = LRUCache(NODES_MAX)
        self._faults = Faults()

    def claims(self, topic: str) -> bool:
        """Return True for any topic under spBv1.0/."""
        return topic.startswith(_ROOT)

    def recall(self, kept: Iterable[tuple[str, bytes]]) -> None:
        """Restore births by their topics, and the last seq of each node."""
        for key, value in kept:
            if key.startswith(_SEQ_KEY):
                node = self._nodes.get(key.removeprefix(_SEQ_KEY))
                if node is not None and len(value) == 1:
                    node.seq = value[0]
                continue
            levels = key.removeprefix(_ROOT).split("/")
            path = f"{levels[0]}/{levels[2]}" if len(levels) > _NODE_LEVELS - 1 else ""
            if path in self._nodes:
                self._nodes[path].seq = -1  # the births were restored out of order
            self.decode(key, value, retained=False, now_ns=0)
        self._asked.clear()

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002, PLR0911 - contract; a return a case
        """Decode one message; the result may contain a rebirth request."""
        levels = topic.removeprefix(_ROOT).split("/")
        if levels[0] == "STATE" or len(levels) < _NODE_LEVELS or levels[1] not in _TYPES:
            return Decoded(ignored="command")
        group, kind, node, *rest = levels
        if not (group and node) or len(levels) != (_DEVICE_LEVELS if kind[0] == "D" else _NODE_LEVELS) or rest == [""]:
            return refuse(Reject("topic", "want spBv1.0/{group}/{type}/{node}[/{device}]"))
        try:
            message = _schema().Payload.FromString(payload)
        except _schema().DecodeError as error:
            return refuse(Reject("type", f"no Sparkplug payload: {str(error)[:80]}"))
        if len(message.metrics) > METRICS_MAX:
            return refuse(Reject("too_large", f"more than {METRICS_MAX} metrics"))
        path = f"{group}/{node}"
        expand(message, self._names_of(path))
        if kind == "NDEATH":
            return self._node_death(path, message)
        if kind == "NBIRTH":
            return self._node_birth(topic, path, message, payload=payload, now_ns=now_ns)
        return self._in_life(topic, path, kind, rest, message=message, payload=payload, now_ns=now_ns)

    def _names_of(self, path: str) -> Callable[[int], str]:
        """Return the names of a node's aliases; "" for an unknown one."""
        node = self._nodes.get(path, _Node())
        return lambda alias: node.aliases[alias][1].name if alias in node.aliases else ""

    def _node_birth(self, topic: str, path: str, message: Any, *, payload: bytes, now_ns: int) -> Decoded:
        before = self._nodes.get(path)
        if before is None and len(self._nodes) >= NODES_MAX:
            return refuse(Reject("sensor_limit", f"more than {NODES_MAX} nodes"))
        node = self._nodes[path] = _Node(bd_seq=_bd_seq(message), seq=int(message.seq) % _SEQ_COUNT, born=True)
        found = _Found()
        self._born(node, path, "", message)
        self._read(node, path, "", message, found=found, birth=True, now_ns=now_ns)
        memory: dict[str, bytes | None] = {topic: payload, f"{_SEQ_KEY}{path}": bytes((node.seq,))}
        birth = topic.replace("/NBIRTH/", "/DBIRTH/")
        memory |= {f"{birth}/{device}": None for device in (before.devices if before else ())}
        return _decoded(found, path, availability=(Availability(path, online=True),), memory=memory)

    def _node_death(self, path: str, message: Any) -> Decoded:
        """Decode the last will: every device of the node is stale. A will of an earlier birth is ignored."""
        node = self._nodes.get(path)
        if node is not None and node.bd_seq >= 0 and _bd_seq(message) not in (-1, node.bd_seq):
            return Decoded(ignored="old_will")
        devices = [] if node is None else [device for device, online in node.devices.items() if online]
        if node is not None:
            node.born = False
            node.devices = dict.fromkeys(node.devices, False)
        lost = [Availability(f"{path}/{device}", online=False, reason="NDEATH") for device in devices]
        return Decoded(availability=(Availability(path, online=False, reason="NDEATH"), *lost), gateway=path)

    def _in_life(
        self, topic: str, path: str, kind: str, rest: Sequence[str], *, message: Any, payload: bytes, now_ns: int
    ) -> Decoded:
        """Decode a message that follows a birth."""
        device = rest[0] if rest else ""
        sensor = f"{path}/{device}" if device else path
        found = _Found()
        memory: dict[str, bytes | None] = {}
        node = self._nodes.get(path)
        if node is None or not node.born:
            node = _Node() if node is None else node
            found.requests += self._ask(path, now_ns)
        elif self._follows(node, message):
            memory[f"{_SEQ_KEY}{path}"] = bytes((node.seq,))
        else:
            found.notices.append(f"seq_gap: {path}")
            found.requests += self._ask(path, now_ns)
        availability: tuple[Availability, ...] = ()
        if kind == "DDEATH":
            node.devices[device] = False
            availability = (Availability(sensor, online=False, reason=kind),)
            return _decoded(found, sensor, availability=availability, memory=memory, gateway=path)
        if kind == "DBIRTH" and path in self._nodes:
            self._born(node, path, device, message)
            node.devices[device] = True
            availability = (Availability(sensor, online=True),)
            memory[topic] = payload
        self._read(node, path, device, message, found=found, birth=kind == "DBIRTH", now_ns=now_ns)
        if any(reject.reason == "undescribed" for reject in found.rejects) and not found.requests:
            found.requests += self._ask(path, now_ns)
        return _decoded(found, sensor, availability=availability, memory=memory, gateway=path)

    def _follows(self, node: _Node, message: Any) -> bool:
        """Return whether the message's seq is the next or repeats the last; counting continues from it either way."""
        if not message.HasField("seq"):
            return False
        seq, last = int(message.seq) % _SEQ_COUNT, node.seq
        node.seq = seq
        return last < 0 or seq in (last, (last + 1) % _SEQ_COUNT)

    def _ask(self, path: str, now_ns: int) -> list[Request]:
        """Return a rebirth command, unless one was sent within ten seconds."""
        asked_ns = self._asked.pop(path, None)
        due = asked_ns is None or not 0 <= now_ns - asked_ns < _REBIRTH_EVERY_NS
        self._asked[path] = now_ns if due or asked_ns is None else asked_ns
        if not due:
            return []
        command = _schema().Payload(timestamp=max(0, now_ns) // 1_000_000)
        command.metrics.add(
            name="Node Control/Rebirth", timestamp=command.timestamp, datatype=BOOLEAN, boolean_value=True
        )
        group, _, node = path.partition("/")
        return [Request(f"{_ROOT}{group}/NCMD/{node}", command.SerializeToString())]

    def _born(self, node: _Node, path: str, device: str, message: Any) -> None:
        """Store names and aliases of a birth; earlier definitions of the device are dropped."""
        for key in [key for key in node.names if key[0] == device]:
            del node.names[key]
        node.tests.pop(device, None)
        node.aliases = {alias: born for alias, born in node.aliases.items() if born[0] != device}
        known = defined(_measures(message), f"{path}/{device}")
        for metric in message.metrics:
            if metric.name not in known or len(node.names) >= METRICS_MAX:
                continue
            node.names[device, metric.name] = known[metric.name]
            if metric.HasField("alias"):
                node.aliases[int(metric.alias)] = device, known[metric.name]

    def _read(
        self, node: _Node, path: str, device: str, message: Any, *, found: _Found, birth: bool, now_ns: int
    ) -> None:
        sensor = f"{path}/{device}" if device else path
        unborn: dict[str, Definition] | None = None
        for metric in message.metrics:
            name = metric.name
            if name == _BD_SEQ or name.startswith(_CONTROL):
                continue
            known = node.names.get((device, name)) if name else node.aliases.get(int(metric.alias), ("", None))[1]
            if known is None and name:
                if unborn is None:
                    born = any(owner == device for owner, _ in node.names)
                    unborn = {} if born else defined(_measures(message), sensor)
                known = (unborn or defined((metric,), sensor)).get(name)
            if known is None:
                found.rejects.append(Reject("undescribed", f"alias {int(metric.alias)} of {sensor}"[:120]))
            else:
                self._take(sensor, known, metric, message, found=found, birth=birth, now_ns=now_ns)
        self._mark_test(node, device, found, now_ns)

    def _take(
        self, device: str, known: Definition, metric: Any, message: Any, *, found: _Found, birth: bool, now_ns: int
    ) -> None:
        """Add one metric's value as a reading."""
        sensor = f"{device}/{known.probe}" if known.probe else device
        sent = metric.timestamp if metric.HasField("timestamp") else message.timestamp
        time = read_time(int(sent) or None, now_ns=now_ns, unit="ms")
        stamp = Reading(
            *(sensor, "device", "fault", 1.0, "bool"),
            time_ns=time.time_ns,
            device=device if known.probe else "",
            doubt=time.doubt,
        )
        if metric.is_null:
            if known.meaning is not None and not birth:  # at birth: not measured yet
                self._faults.begin(sensor)
                found.readings.append(stamp)
                found.notices.append(f"sensor_fault: {sensor}")
            return
        if is_template(metric, known):
            return
        value = value_of(metric, known)
        if isinstance(value, Reject):
            found.rejects.append(value)
        elif value is None:
            found.unread.append(known.name[:128])
        elif not isfinite(value.number):
            found.rejects.append(Reject("not_finite", f"{known.name[:60]!r}"))
        else:
            bad = property_of(metric, "Quality") in _BAD_QUALITY
            quality = Quality.HISTORICAL if metric.is_historical else Quality.FAULT if bad else Quality.GOOD
            kind, name, unit = value.meaning.kind, value.meaning.metric, value.meaning.unit
            reading = replace(
                stamp,
                kind=kind,
                metric=name,
                value=value.number,
                unit=unit,
                quality=quality,
                dims={"metric": known.name[:128]},
            )
            found.readings += [reading] if bad or metric.is_historical else self._faults.over(reading)

    def _mark_test(self, node: _Node, device: str, found: _Found, now_ns: int) -> None:
        """Mark the readings of a device whose test flag is set: in this message, or at most _TEST_NS ago."""
        for reading in found.readings:
            if reading.metric == "test" and reading.quality == Quality.GOOD:
                node.tests.pop(device, None)
                if reading.value:
                    node.tests[device] = now_ns
        begun_ns = node.tests.get(device)
        if begun_ns is not None and 0 <= now_ns - begun_ns <= _TEST_NS:
            found.readings = [marked(reading, Quality.TEST) for reading in found.readings]


def _measures(message: Any) -> list[Any]:
    """Return the metrics of a message that describe the process, without control and session metrics."""
    return [metric for metric in message.metrics if metric.name != _BD_SEQ and not metric.name.startswith(_CONTROL)]


def _schema() -> Any:
    """Return the payload class and its error; protobuf loads with the first Sparkplug message."""
    from . import sparkplug_schema  # noqa: PLC0415 - a tenth of a second that most schools never need

    return sparkplug_schema


def _decoded(
    found: _Found,
    device: str,
    *,
    availability: Sequence[Availability],
    memory: dict[str, bytes | None],
    gateway: str = "",
) -> Decoded:
    meaning = gathered(
        found.readings, found.rejects, notices=found.notices, availability=availability, unread=found.unread
    )
    return replace(meaning, requests=found.requests, memory=memory, gateway=gateway, device=device)


def _bd_seq(message: Any) -> int:
    metric = next((metric for metric in message.metrics if metric.name == _BD_SEQ), None)
    return -1 if metric is None else int(metric.long_value or metric.int_value)
