"""SenML packs in JSON: `campus/senml/{gateway}` with an array of records.

Source: RFC 8428, sections 4 (records, base fields, resolution) and 12.1 (units); RFC 8798 (secondary units).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from .contract import Decoded, Reading, Reject
from .document import SECOND_NS, epoch_ns, gathered, read_list, refuse
from .names import meaning_of, measured

VERSION_MAX = 10
RELATIVE_BELOW_S = 2**28
"""Times below this value are relative to now (RFC 8428, section 4.5.3)."""

RECORDS_MAX = 10_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]{0,254}")
_PROPERTY = re.compile(r"[^:/.]*\Z")


@dataclass(slots=True)
class _Base:
    """Base fields in force; the next record may change them."""

    name: str = ""
    time_s: float = 0.0
    unit: str = ""
    value: float = 0.0


@dataclass(slots=True)
class _Gathered:
    readings: list[Reading] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


class SenmlDecoder:
    """Decoder of SenML JSON. Holds no state: a pack is self-contained.

    The record's whole name is the sensor. Its last part (after ":", "/" or ".") names the metric, or else its unit.
    Works badly for: sums ("s") without a value, texts and data, which are no readings; CBOR and XML packs.

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
        pack = read_list(payload)
        if isinstance(pack, Reject):
            return refuse(pack)
        if len(pack) > RECORDS_MAX:
            return refuse(Reject("too_large", f"more than {RECORDS_MAX} records"))
        if wrong := _wrong(pack):
            return refuse(wrong)
        base, out = _Base(), _Gathered()
        for record in pack:
            _resolve(record, base, now_ns, out)
        return gathered(out.readings, out.rejects)


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
    for label, kind in (("bn", str), ("bu", str), ("bt", float), ("bv", float)):
        if label in record and not _is(record[label], kind):
            out.rejects.append(Reject("type", f"{label} is of a wrong type"))
            return
    base.name, base.unit = record.get("bn", base.name), record.get("bu", base.unit)
    base.time_s, base.value = float(record.get("bt", base.time_s)), float(record.get("bv", base.value))
    if "v" not in record and "vb" not in record:
        return  # texts, data, sums and lone base values
    found = _reading(record, base, now_ns)
    if isinstance(found, Reject):
        out.rejects.append(found)
    elif found is not None:
        out.readings.append(found)


def _reading(record: Mapping[str, Any], base: _Base, now_ns: int) -> Reading | Reject | None:
    own, unit, offset_s = record.get("n", ""), record.get("u", base.unit), record.get("t", 0)
    if not (_is(own, str) and _is(unit, str) and _is(offset_s, float)):
        return Reject("type", "n and u are texts, t is a number")
    name = base.name + own
    if not _NAME.fullmatch(name):
        return Reject("sensor_name", f"{name[:80]!r} is no SenML name")
    time_ns = _time_ns(base.time_s + offset_s, now_ns)
    if isinstance(time_ns, Reject):
        return time_ns
    return _valued(record, name, unit, base_value=base.value, time_ns=time_ns)


def _valued(
    record: Mapping[str, Any], name: str, unit: str, *, base_value: float, time_ns: int | None
) -> Reading | Reject | None:
    tail = _PROPERTY.search(name)
    meaning = meaning_of(tail[0] if tail else "", unit)
    if meaning is None:
        return Reject("metric_name", f"neither {name[-60:]!r} nor its unit names a metric")
    if "vb" in record:
        stated, unit = record["vb"], meaning.unit or "bool"
        number = float(stated) if isinstance(stated, bool) else None
    else:
        stated, wire_unit, unit = record["v"], unit, meaning.unit
        number = measured(meaning, base_value + stated, wire_unit) if _is(stated, float) else None
    if stated is None:
        return None
    if number is None or not isfinite(number):
        return Reject("type", f"the value or its unit does not fit {meaning.metric}")
    return Reading(name, meaning.kind, meaning.metric, number, unit, time_ns=time_ns)


def _time_ns(time_s: float, now_ns: int) -> int | Reject | None:
    """Return absolute ns; None for now, where the arrival time counts."""
    if time_s == 0:
        return None
    if abs(time_s) < RELATIVE_BELOW_S:
        time_s += now_ns / SECOND_NS
    found = epoch_ns(time_s)
    return Reject("time_format", "time is out of range") if found is None else found


def _is(value: Any, kind: type) -> bool:
    if kind is str:
        return isinstance(value, str)
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300  # noqa: PLR2004 - sums stay finite
