"""Arrays of like objects, a column at a time: what a gateway sends that gathers a hundred readings in one message.

The first array of a topic tells how its objects look; the next ones are decoded straight into structs of that look.
Anything that looks different falls back to the path for single objects, which decides alike.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import msgspec
from msgspec.structs import astuple

from ingest.batch import OpenBatch

from .native import MILLISECOND_NS, ZonedTime, stamp_ns

ITEMS_MIN = 8
"""Shorter arrays gain nothing."""
SHAPES_MAX = 512

_json = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Shape:
    """How the objects of an array look: a decoder for exactly these names, and the metric codes in their order.

    Rows of an object come out in the order in which the first array named them. Tuples from the decoder hold time
    first, seq second if there is one, then the values.
    """

    decoder: msgspec.json.Decoder[list[Any]]
    zoned: bool
    skip: int
    codes: tuple[int, ...]


class Shapes:
    """Every look met so far, bounded; a new one beyond the bound is simply not learned."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], Shape] = {}

    def learn(self, payload: bytes, codes: Mapping[str, int]) -> Shape | None:
        """The shape of a good array's objects; None when they differ, carry no time, or hold too much."""
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
    return Shape(msgspec.json.Decoder(list[struct]), zoned, len(head), tuple(codes[name] for name in metrics))  # type: ignore[valid-type]  # made at run time


def take_array(
    frame: tuple[int, int, bytes, bytes], shape: Shape, batch: OpenBatch, *, sensor: int, span: tuple[int, int, int]
) -> Sequence[int] | None:
    """Append all readings of an array; gives its running numbers, if it has any.

    None, and nothing appended, when it does not look like the shape.
    """
    try:
        columns = list(zip(*map(astuple, shape.decoder.decode(frame[3])), strict=True))
        times = _stamps(columns[0], zoned=shape.zoned)
    except (msgspec.MsgspecError, ValueError, OverflowError, IndexError):
        return None
    if min(times) < span[0] or max(times) > span[2]:
        return None
    count, width = len(times), len(shape.codes)
    batch.time_ns.extend(times)
    batch.sensor.extend(array("i", (sensor,)) * count)
    batch.rows.extend(array("i", (width,)) * count)
    batch.origin.extend((frame,) * count)
    batch.metric.extend(array("h", shape.codes) * count)
    values = columns[shape.skip :]
    batch.value.extend(array("d", values[0] if width == 1 else chain.from_iterable(zip(*values, strict=True))))
    return columns[1] if shape.skip > 1 else ()


def _stamps(times: Sequence[Any], *, zoned: bool) -> array[int]:
    if zoned:
        return array("q", [stamp_ns(time) for time in times])
    return array("q", [time * MILLISECOND_NS for time in times])
