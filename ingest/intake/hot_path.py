"""The hot path of the native format: payloads straight into the columns of the open batch.

Takes only what is plainly good: a topic that was good before, an object (or array of them) of known metrics with
numbers, booleans and nulls. Everything else, down to the last odd value, goes to the careful decoder
(`native.NativeDecoder`), whose judgement this path never changes: a property test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NoReturn

import msgspec
from xxhash import xxh3_64_intdigest

from ingest.decode.native import MILLISECOND_NS, ZonedTime
from ingest.devices.gaps import Gaps
from ingest.frame import DUP, OVERSIZE, RETAIN, Frame
from ingest.intake.batch import OpenBatch
from ingest.intake.duplicates import Duplicates
from ingest.vocabulary import METRICS

from .hot_arrays import ITEMS_MIN, Shape, Shapes, decode_array

_UNUSUAL = RETAIN | DUP | OVERSIZE
_Fields = dict[str, ZonedTime | int | float | bool | None]
_decode = msgspec.json.Decoder(_Fields | list[_Fields]).decode


class Route(msgspec.Struct, gc=False):  # a city has hundreds of thousands, for the collector to look through in vain
    """What is known of a topic: sensor, part of the key, next running number, how its arrays look if it sends any.

    last: key of its last message, where that carried neither time nor number.
    """

    sensor: int
    seed: int
    next_seq: int | None = None
    shape: Shape | None = None
    last: int | None = None


class Columns:
    """Topics and metrics that the hot path knows; both are learned from what the careful decoder took."""

    def __init__(self, gaps: Gaps) -> None:
        """gaps: follows the running numbers of every topic."""
        self.routes: dict[bytes, Route] = {}
        self._shapes = Shapes()
        self._gaps = gaps
        self.metrics = {metric.name: metric.code for metric in METRICS if metric.name != "test"}

    def accept(  # noqa: C901, PLR0912, PLR0915 - the hot loop: a call a message would cost a tenth of the rate
        self,
        frames: Sequence[Frame],
        batch: OpenBatch,
        duplicates: Duplicates,
        *,
        span: tuple[int, int, int],
        careful: Callable[[Frame], None],
        meet: Callable[[bytes], Route | None] = lambda _topic: None,
    ) -> None:
        """Append the readings of all frames, in order; `careful` gets every frame that is not plainly good.

        meet: gives the route of a topic that was not heard yet although its sensor is known, None for any other.

        span: earliest time that may be stored, arrival of these frames, latest time that may be stored, in ns.
        """
        (earliest_ns, now_ns, latest_ns), routes, codes = span, self.routes, self.metrics
        times, values, digest, decode = batch.time_ns, batch.value, xxh3_64_intdigest, _decode
        young, old, fresh = duplicates.own.young, duplicates.own.old, duplicates.fresh
        add_sensor, add_time, add_rows = batch.sensor.append, batch.time_ns.append, batch.rows.append
        add_metric, add_value, add_origin = batch.metric.append, batch.value.append, batch.origin.append
        for frame in frames:
            flags, packet_id, topic, payload = frame
            route = routes.get(topic) or meet(topic)
            if route is None or flags & _UNUSUAL or (key := digest(payload, route.seed)) in young or key in old:
                careful(frame)
                continue
            if route.shape and self._take_array(frame, route, route.shape, batch, span):
                young.add(key)
                fresh.append(key)
                continue
            items, rows, own = len(times), len(values), True
            start = rows
            try:
                document = decode(payload)
                for fields in (document,) if document.__class__ is dict else document or _odd():
                    time = fields.pop("time", None)
                    seq = fields.pop("seq", None)
                    if seq.__class__ is int and seq == route.next_seq:
                        route.next_seq = seq + 1
                    elif seq is not None:
                        self._follow(route, topic, seq, now_ns)
                    if time.__class__ is int:
                        time *= MILLISECOND_NS
                    elif time is None:
                        time = now_ns
                        own = own and seq is not None
                    else:
                        time = _stamp_ns(time)
                    if not earliest_ns <= time <= latest_ns:
                        _odd()
                    add_time(time)
                    for name, value in fields.items():
                        if value is not None:
                            add_value(value)
                            add_metric(codes[name])
                    end = len(values)
                    if end == start:
                        _odd()
                    add_rows(end - start)
                    add_sensor(route.sensor)
                    add_origin(frame)
                    start = end
            except Exception:  # noqa: BLE001 - whatever it was, the careful decoder names it
                batch.rewind(items, rows)
                careful(frame)
                continue
            route.last = None if own else key
            if own:
                young.add(key)
                fresh.append(key)
                if document.__class__ is list and len(document) >= ITEMS_MIN:
                    route.shape = self._shapes.learn(payload, codes)
            elif packet_id:
                duplicates.remember_repeat(payload, route.seed, packet_id)

    def _take_array(
        self, frame: Frame, route: Route, shape: Shape, batch: OpenBatch, span: tuple[int, int, int]
    ) -> bool:
        """A whole array by its shape; False, and nothing taken, when it looks otherwise."""
        numbers = decode_array(frame, shape, batch, sensor=route.sensor, span=span)
        if numbers is None:
            return False
        self._gaps.accept(route, frame[2], numbers, span[1])
        return True

    def _follow(self, route: Route, topic: bytes, seq: object, now_ns: int) -> None:
        """A running number that is not the next one, or none at all."""
        if type(seq) is not int:
            _odd()
        self._gaps.odd(route, topic, seq, now_ns)


def _stamp_ns(time: object) -> int:
    """Nanoseconds of a zoned time; anything else is odd."""
    return int(time.timestamp() * 1e6 + 0.5) * 1_000 if isinstance(time, datetime) else _odd()


def _odd() -> NoReturn:
    raise ValueError("for the careful decoder")
