"""Column decoding of arrays with equal objects, for instance a hundred readings per message.

The first array of a topic defines the shape of its objects. Later arrays are decoded directly into structs of that
shape. Any other array takes the path for single objects, with the same result.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.decode.native import MILLISECOND_NS, ZonedTime, stamp_ns
from ingest.intake.batch import OpenBatch

ITEMS_MIN = 8
"""Shorter arrays are not faster this way."""
SHAPES_MAX = 512
_MS_MAX = (2**63 - 1) // MILLISECOND_NS

_json = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Shape:
    """Shape of the objects of an array: a decoder for exactly these names, and the metric codes in their order.

    Rows of an object have the order of the names in the first array. Structs of the decoder have time first (f0), seq
    second (f1) if `counted`, then the values, each with its getter.
    """

    decoder: msgspec.json.Decoder[list[Any]]
    zoned: bool
    counted: bool
    values: tuple[Callable[[Any], float], ...]
    codes: tuple[int, ...]


class Shapes:
    """Shapes learned so far, bounded; a shape beyond the bound is not learned."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], Shape] = {}

    def learn(self, payload: bytes, codes: Mapping[str, int]) -> Shape | None:
        """Return the shape of a valid array's objects; None when they differ, have no time, or exceed the bound."""
        items = _json.decode(payload)
        first = items[0]
        if "time" not in first or any(item.keys() != first.keys() for item in items):
            return None
        zoned = isinstance(first["time"], str)
        key = (str(zoned), *first)
        if key not in self._known and len(self._known) < SHAPES_MAX:
            self._known[key] = _build(tuple(first), codes, zoned=zoned)
        return self._known.get(key)


def _build(names: Sequence[str], codes: Mapping[str, int], *, zoned: bool) -> Shape:
    metrics = [name for name in names if name in codes]
    head = ["time", "seq"] if "seq" in names else ["time"]
    types: dict[str, Any] = {"time": ZonedTime if zoned else int, "seq": int}
    fields = [(f"f{place}", types.get(name, float | bool)) for place, name in enumerate(head + metrics)]
    rename = {f"f{place}": name for place, name in enumerate(head + metrics)}
    struct = msgspec.defstruct("Item", fields, rename=rename, forbid_unknown_fields=True, gc=False)
    values = tuple(attrgetter(f"f{place}") for place in range(len(head), len(head) + len(metrics)))
    decoder = msgspec.json.Decoder(list[struct])  # type: ignore[valid-type]  # made at run time
    return Shape(decoder, zoned, len(head) > 1, values, tuple(codes[name] for name in metrics))


def decode_array(
    frame: tuple[int, int, bytes, bytes], shape: Shape, batch: OpenBatch, *, sensor: int, span: tuple[int, int, int]
) -> Sequence[int] | None:
    """Append all readings of an array. Return its sequence numbers, if it has any.

    Return None, and append nothing, when it has another shape.
    """
    try:
        items = shape.decoder.decode(frame[3])
        times = _stamps([item.f0 for item in items], zoned=shape.zoned)
        columns = [array("d", map(place, items)) for place in shape.values]
        numbers = [item.f1 for item in items] if shape.counted else ()
    except (msgspec.MsgspecError, ValueError, OverflowError):
        return None
    count, width = len(times), len(columns)
    if not count or times.min() < span[0] or times.max() > span[2]:
        return None
    batch.time_ns.frombytes(times.tobytes())
    batch.sensor.extend(array("i", (sensor,)) * count)
    batch.rows.extend(array("i", (width,)) * count)
    batch.origin.extend((frame,) * count)
    batch.metric.extend(array("h", shape.codes) * count)
    batch.value.extend(columns[0] if width == 1 else array("d", chain.from_iterable(zip(*columns, strict=True))))
    return numbers


def _stamps(times: Sequence[Any], *, zoned: bool) -> NDArray[np.int64]:
    """Return the nanoseconds of the times. Raises OverflowError beyond 64 bits."""
    if zoned:
        return np.array([stamp_ns(time) for time in times], np.int64)
    times_ms = np.frombuffer(array("q", times), np.int64)
    if len(times_ms) and not -_MS_MAX <= times_ms.min() <= times_ms.max() <= _MS_MAX:
        raise OverflowError("a time is beyond 64 bits of nanoseconds")
    return times_ms * MILLISECOND_NS
