"""Native format: `campus/{site}/{kind}/{sensor}` with one JSON object, or an array of them.

    {"time": "2026-03-01T08:00:00+08:00", "seq": 7, "smoke_density": 0.12, "battery": 88}

time: RFC 3339 with offset or epoch milliseconds, or another form that `times` reads; without it the arrival time
counts. seq: integer, optional. site, device, sensor: optional texts, equal to those of the topic. Every other name is
a metric: number, boolean, or null for no measurement. `"test": true` marks the object's readings as a self-test. A
camera sends events: label, state (start, update, end), score, zone, track, count.

One module because objects, arrays and camera events share the checks of names, times and values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from math import isfinite
from typing import Annotated, Any

import msgspec

from ingest.catalog import SERVICE_DEVICE, SERVICE_SITE
from ingest.vocabulary import DEVICE_METRICS, KINDS, METRIC_BY_NAME, Quality

from .contract import Decoded, Reading, Reject
from .payload import read_json
from .times import TIME_NS_MAX, WireTime, read_time

ROOT = "campus"
MILLISECOND_NS = 1_000_000
_TEXT_MAX = 64
_ZONES_MAX = 16
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METRIC = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_PERSONAL = re.compile(
    r"(?:^|_)(?:first|last|full|user|person|student|holder)?_?name|card|plate(?:_?n|$)|licen[cs]e|badge|holder|student"
    r"|pupil|phone|employee|person_?(?:id|no)|face_?id",
    re.IGNORECASE,
)
_GRANT = "access_granted"
_CARD = ("card", "card_no", "card_id", "card_number", "cardNo", "badge", "badge_id")
_STATES = ("start", "update", "end")
_EVENT_KEYS = frozenset(("label", "state", "score", "zone", "track", "count"))
_ENVELOPE = frozenset(("time", "seq"))
_IDENTITY = {"site": "site", "device": "sensor", "sensor": "sensor"}
"""Optional texts of an object -> field of the address that they must equal."""

ZonedTime = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, slots=True)
class Address:
    """Site, kind and sensor of a native topic."""

    site: str
    kind: str
    sensor: str


@dataclass(slots=True)
class _Gathered:
    now_ns: int
    readings: list[Reading] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    own: bool = True


class _Refused(Exception):  # noqa: N818 - control flow inside this module
    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


def stamp_ns(time: datetime) -> int:
    """Return ns since 1970 UTC of a zoned time, exact to the microsecond."""
    return round(time.timestamp() * 1e6) * 1_000


@lru_cache(maxsize=256)  # the slow path calls it four times a message
def locate(topic: str) -> Address | Reject:
    """Return site, kind and sensor of a topic, or a Reject for a topic outside the native format."""
    levels = topic.split("/")
    if len(levels) != 4 or levels[0] != ROOT:  # noqa: PLR2004 - campus/{site}/{kind}/{sensor}
        return Reject("topic", "want campus/{site}/{kind}/{sensor}")
    _, site, kind, sensor = levels
    if not _NAME.fullmatch(site) or not _NAME.fullmatch(sensor):
        return Reject("sensor_name", "site and sensor: 1 to 64 of A-Z a-z 0-9 . _ -")
    if sensor == SERVICE_DEVICE:
        return Reject("sensor_name", "this name is reserved for the service")
    if kind not in KINDS:
        return Reject("kind", f"kind is one of {', '.join(KINDS)}")
    return Address(site, kind, sensor)


class NativeDecoder:
    """Decoder of the native format (see the module). Holds no state.

    Works badly for: values as text ("21.5"), which are rejected; nested objects, which have no metric name.

    >>> decoded = NativeDecoder().decode("campus/s1/smoke/a", b'{"co": 3}', retained=False, now_ns=0)
    >>> decoded.readings[0].metric, decoded.readings[0].value
    ('co', 3.0)
    """

    name = "native"
    subscriptions: Sequence[str] = (f"{ROOT}/+/+/+",)

    def claims(self, topic: str) -> bool:
        """Return True for any topic under campus/ outside the other formats."""
        return topic.startswith(f"{ROOT}/")

    def locate(self, topic: str) -> Address | None:
        """Return the address of a valid topic; None for any other."""
        address = locate(topic)
        return address if isinstance(address, Address) and address.site != SERVICE_SITE else None

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002 - contract
        """Decode one message; the caller decides whether retained readings count."""
        return self.interpret(topic, payload, now_ns=now_ns)[0]

    def interpret(self, topic: str, payload: bytes, *, now_ns: int) -> tuple[Decoded, bool]:
        """Decode one message; also return whether every object carries its own time or sequence number."""
        if topic.startswith(f"{ROOT}/{SERVICE_SITE}/"):
            return Decoded(ignored="service"), False
        address = locate(topic)
        if isinstance(address, Reject):
            return Decoded(rejects=(address,)), False
        document = read_json(payload)
        if isinstance(document, Reject):
            return Decoded(rejects=(document,)), False
        items = document if isinstance(document, list) else [document]
        gathered = _Gathered(now_ns)
        if not items:
            gathered.rejects.append(Reject("empty", "an array without objects"))
        for item in items:
            _read_item(address, item, gathered)
        idle = not (gathered.readings or gathered.rejects)
        decoded = Decoded(
            readings=gathered.readings,
            rejects=gathered.rejects,
            notices=gathered.notices,
            numbers=gathered.numbers,
            ignored="no_measurement" if idle else "",
        )
        return decoded, gathered.own and bool(gathered.readings)


def _read_item(address: Address, item: Any, out: _Gathered) -> None:
    if not isinstance(item, dict):
        out.rejects.append(Reject("not_object", f"found {type(item).__name__}"))
        out.own = False
        return
    identity = {name: item[name] for name in _IDENTITY if isinstance(item.get(name), str)}
    if foreign := [name for name, given in identity.items() if given != getattr(address, _IDENTITY[name])]:
        out.rejects.append(Reject("identity", f"{foreign[0]} {identity[foreign[0]][:80]!r} differs from the topic"))
        out.own = False
        return
    names = [name for name in item if name not in _ENVELOPE and name not in identity]
    if not names:
        out.rejects.append(Reject("empty", "an object without a metric"))
        return
    seq, given = item.get("seq"), item.get("time")
    if seq is not None and type(seq) is not int:
        out.notices.append("seq")
        seq = None
    if seq is not None:
        out.numbers.append(seq)
    at = _read_time(given, out.now_ns)
    # a doubtful time identifies no message
    out.own = out.own and (seq is not None or at.time_ns is not None)
    _read_values(address, {name: item[name] for name in names}, at, out)


def _read_time(given: Any, now_ns: int) -> WireTime:
    """Return the event time; a time that the hot path reads too is the same to the microsecond."""
    if isinstance(given, str):
        try:
            return WireTime(_bounded(stamp_ns(msgspec.convert(given, ZonedTime))))
        except (msgspec.ValidationError, ValueError, OverflowError):
            return read_time(given, now_ns=now_ns, unit="ms")
    return read_time(given, now_ns=now_ns, unit="ms")


def _bounded(time_ns: int) -> int:
    if not 0 <= time_ns <= TIME_NS_MAX:
        raise OverflowError
    return time_ns


def _read_values(address: Address, item: Mapping[str, Any], at: WireTime, out: _Gathered) -> None:
    quality = Quality.TEST if item.get("test") is True or item.get("test") == 1 else Quality.GOOD
    skip, first = _ENVELOPE, len(out.readings)
    if address.kind == "camera" and not _EVENT_KEYS.isdisjoint(item):
        skip |= _EVENT_KEYS
        _gather(out, lambda: _read_event(address, item, at, quality))
    for name, value in item.items():
        if name in skip or value is None:
            continue
        if name not in METRIC_BY_NAME and _PERSONAL.search(name):
            out.notices.append("personal_data")
            continue
        _gather(out, lambda name=name, value=value: _read_metric(address, name, value, at, quality))
    if card := next((str(item[name])[:_TEXT_MAX] for name in _CARD if item.get(name)), ""):
        found = out.readings[first:]
        out.readings[first:] = [replace(one, card=card) if one.metric == _GRANT else one for one in found]


def _gather(out: _Gathered, read: Any) -> None:
    try:
        reading = read()
    except _Refused as refused:
        out.rejects.append(Reject(refused.reason, refused.detail))
        return
    if reading is not None:
        out.readings.append(reading)
        if reading.metric not in METRIC_BY_NAME:
            out.notices.append("unknown_metric")


def _read_metric(address: Address, name: str, value: Any, at: WireTime, quality: Quality) -> Reading:
    if not _METRIC.fullmatch(name):
        raise _Refused("metric_name", f"{name[:80]!r} is no metric name")
    number = _number(name, value)
    known = METRIC_BY_NAME.get(name)
    kind = "env" if known is None else "device" if name in DEVICE_METRICS else address.kind
    unit = "" if known is None else known.unit
    return Reading(address.sensor, kind, name, number, unit, time_ns=at.time_ns, doubt=at.doubt, quality=quality)


def _number(name: str, value: Any) -> float:
    if not isinstance(value, bool | int | float):
        raise _Refused("type", f"{name} is {type(value).__name__}")
    try:
        number = float(value)
    except OverflowError as error:
        raise _Refused("not_finite", f"{name} is too large") from error
    if not isfinite(number):
        raise _Refused("not_finite", f"{name} is {number}")
    return number


def _read_event(address: Address, item: Mapping[str, Any], at: WireTime, quality: Quality) -> Reading | None:
    """Return the reading of a camera event; None when all keys of the event are null."""
    label, state, count = item.get("label"), item.get("state"), item.get("count")
    if label is None and state is None and count is None:
        return None
    if state is not None and state not in _STATES:
        raise _Refused("type", "state is one of start, update, end")
    dims = {"label": _text("label", label), "phase": state, "track": _track(item.get("track"))}
    dims["zone"] = _zone(item.get("zone"))
    dims["score"] = None if item.get("score") is None else _number("score", item["score"])
    present = 0.0 if state == "end" else 1.0
    metric, value = ("object_present", present) if count is None else ("object_count", _number("count", count))
    unit = METRIC_BY_NAME[metric].unit
    kept = {key: dim for key, dim in dims.items() if dim is not None}
    return Reading(
        address.sensor, "camera", metric, value, unit, time_ns=at.time_ns, doubt=at.doubt, quality=quality, dims=kept
    )


def _text(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > _TEXT_MAX:
        raise _Refused("type", f"{name} is a text of up to {_TEXT_MAX} characters")
    return value


def _track(value: Any) -> str | None:
    return str(value) if type(value) is int and abs(value) < 2**63 else _text("track", value)


def _zone(value: Any) -> str | list[str | None] | None:
    if isinstance(value, list) and len(value) <= _ZONES_MAX:
        return [_text("zone", zone) for zone in value]
    return _text("zone", value)
