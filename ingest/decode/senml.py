"""SenML packs in JSON or CBOR: `campus/senml/{gateway}` with an array of records.

Source: RFC 8428, sections 4 (records, base fields, resolution), 6 (CBOR) and 12.1 (units); RFC 8798 (secondary units).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from ingest.vocabulary import METRIC_BY_NAME, Quality

from .batteries import battery_of
from .contract import Decoded, Reading, Reject
from .document import gathered, read_list, refuse
from .lorawan_rows import STATES, marked, word
from .names import Meaning, meaning_of, measured, undescribed
from .senml_cbor import is_cbor, read_cbor
from .times import WireTime, read_time
from .titles import BATTERIES, meaning_of_title

VERSION_MAX = 10
RELATIVE_BELOW_S = 2**28
"""Times below this value are relative to now (RFC 8428, section 4.5.3)."""

RECORDS_MAX = 10_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]{0,254}")
_ID = re.compile(r"[0-9A-Fa-f]{8,}")
"""A name that ends with the id of its device: the unit names the metric."""

_PROPERTY = re.compile(r"[^:/.]*\Z")


@dataclass(slots=True)
class _Base:
    """Base fields in force; the next record may change them. time, value: None after one of a wrong type."""

    name: str = ""
    time_s: float | None = 0.0
    unit: str = ""
    value: float | None = 0.0


@dataclass(slots=True)
class _Gathered:
    readings: list[Reading] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


class SenmlDecoder:
    """Decoder of SenML in JSON and CBOR. Holds no state: a pack is self-contained.

    The record's whole name is the sensor. Its last part (after ":", "/" or ".") names the metric, or else its unit; the
    part before is its device. A record "test" that is true marks its device's records in the pack as a test.
    Works badly for: sums ("s") without a value and data, which are unread; XML packs.

    >>> decoded = SenmlDecoder().decode("campus/senml/g", b'[{"n":"urn:dev:mac:1:co","u":"ppm","v":3}]', retained=False,
    ...                                 now_ns=0)
    >>> [(reading.sensor, reading.metric, reading.value) for reading in decoded.readings]
    [('urn:dev:mac:1:co', 'co', 3.0)]
    """

    name = "senml"
    subscriptions: Sequence[str] = ("campus/senml/+",)

    def claims(self, topic: str) -> bool:
        """Return True for any topic under campus/senml/."""
        return topic.startswith("campus/senml/")

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002 - contract
        """Decode one pack; an unsupported mandatory label rejects the whole pack."""
        pack = read_cbor(payload) if is_cbor(payload) else read_list(payload)
        if isinstance(pack, Reject):
            return refuse(pack)
        if len(pack) > RECORDS_MAX:
            return refuse(Reject("too_large", f"more than {RECORDS_MAX} records"))
        if wrong := _wrong(pack):
            return refuse(wrong)
        base, out = _Base(), _Gathered()
        for record in pack:
            _resolve(record, base, now_ns, out)
        tested = {one.device for one in out.readings if one.metric == "test" and one.value}
        readings = [marked(one, Quality.TEST) if one.device in tested else one for one in out.readings]
        return gathered(readings, out.rejects, unread=list(dict.fromkeys(out.unread)))


def _wrong(pack: list[Any]) -> Reject | None:
    """Return the reason to reject a whole pack; None for a usable pack."""
    for record in pack:
        if not isinstance(record, dict):
            return Reject("not_object", "a record is an object")
        must = [label for label in record if label.endswith("_")]
        if must:
            return Reject("type", f"label {must[0][:40]!r} must be understood")
        version = record.get("bver", VERSION_MAX)
        if isinstance(version, bool) or not isinstance(version, int) or version > VERSION_MAX:
            return Reject("type", f"version {str(version)[:20]} is newer than {VERSION_MAX}")
    return None


def _resolve(record: Mapping[str, Any], base: _Base, now_ns: int, out: _Gathered) -> None:
    """Resolve one record with its base values (RFC 8428, section 4.6)."""
    if not (_is(record.get("bn", ""), str) and _is(record.get("bu", ""), str)):
        out.rejects.append(Reject("type", "bn or bu is of a wrong type"))
        return
    base.name, base.unit = record.get("bn", base.name), record.get("bu", base.unit)
    base.time_s, base.value = _number(record, "bt", base.time_s), _number(record, "bv", base.value)
    if not {"v", "vb", "vs", "vd", "s"} & record.keys():
        return  # lone base values
    found = _reading(record, base, now_ns)
    if isinstance(found, Reject):
        out.rejects.append(found)
    elif isinstance(found, Reading):
        out.readings.append(found)
    elif found:
        out.unread.append(found)


def _number(record: Mapping[str, Any], label: str, otherwise: float | None) -> float | None:
    given = record.get(label, otherwise)
    return float(given) if _is(given, float) else None


def _reading(record: Mapping[str, Any], base: _Base, now_ns: int) -> Reading | Reject | str:
    """Return the reading of a record, its reject, or the unread key; "" for no measurement."""
    own, unit = record.get("n", ""), record.get("u", base.unit)
    if not (_is(own, str) and _is(unit, str)):
        return Reject("type", "n and u are texts")
    name = base.name + own
    found = _NAME.fullmatch(name) and _PROPERTY.search(name)
    if not found:
        return Reject("sensor_name", f"{name[:80]!r} is no SenML name")
    tail = found[0] or name
    state = "vb" in record or isinstance(record.get("vs"), str)
    meaning = meaning_of("", unit) if _ID.fullmatch(tail) else meaning_of_title(tail, unit, state=state)
    if meaning is None:
        return Reject("metric_name", f"neither {name[-60:]!r} nor its unit names a metric")
    value = _value(record, meaning, unit, base.value)
    if isinstance(value, Reject | str):
        return f"{tail[:60]}.{value}" if value and isinstance(value, str) else value
    meaning, number = value
    time = _time(base.time_s, record.get("t", 0), now_ns)
    described = meaning.metric in METRIC_BY_NAME and not _ID.fullmatch(tail)
    device = name[: -len(tail) - 1] if described and len(tail) < len(name) else ""
    return Reading(
        *(name, meaning.kind, meaning.metric, number, meaning.unit),
        time_ns=time.time_ns,
        device=device,
        doubt=time.doubt,
    )


def _value(
    record: Mapping[str, Any], meaning: Meaning, unit: str, base: float | None
) -> tuple[Meaning, float] | Reject | str:
    """Return the value with its meaning, its reject, or its label where it is unread; "" for no measurement."""
    label = next(label for label in ("v", "vb", "vs", "vd", "s") if label in record)
    stated = record[label]
    if stated is None or (isinstance(stated, float) and not isfinite(stated)):
        return ""
    if label == "vs":
        state = STATES.get(word(stated)) if meaning.metric in METRIC_BY_NAME else None
        return label if state is None else (meaning, float(state))
    if label in ("vd", "s"):
        return label
    if label == "vb":
        wrong = Reject("type", "vb is a boolean")
        return (meaning, float(stated)) if isinstance(stated, bool) else wrong
    if not _is(stated, float) or base is None:
        return Reject("type", f"the value does not fit {meaning.metric}")
    return _measured(meaning, base + stated, unit)


def _measured(meaning: Meaning, number: float, unit: str) -> tuple[Meaning, float] | Reject:
    if meaning.metric in BATTERIES:
        share = (100 * number, "%") if unit == "/" else (number, unit)
        metric, level, known = battery_of(*share) or (undescribed(meaning.metric), number, unit)
        return Meaning(meaning.kind, metric, known), level
    value = 100 * number if unit == "/" and meaning.unit == "%" else measured(meaning, number, unit)
    if value is None or not isfinite(value):
        return Reject("type", f"the value or its unit does not fit {meaning.metric}")
    return meaning, value


def _time(base_s: float | None, offset_s: Any, now_ns: int) -> WireTime:
    """Return the time of a record; none for now, where the arrival time counts."""
    if base_s is None or not _is(offset_s, float):
        return WireTime(doubt="time_format")
    time_s = base_s + offset_s
    if time_s == 0:
        return WireTime()
    if abs(time_s) < RELATIVE_BELOW_S:
        return WireTime(max(0, now_ns + round(time_s * 1_000_000) * 1_000))
    return read_time(time_s, now_ns=now_ns)


def _is(value: Any, kind: type) -> bool:
    if kind is str:
        return isinstance(value, str)
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300  # noqa: PLR2004 - sums stay finite
