"""Hot path of the native format: decodes payloads directly into the columns of the open batch.

It accepts a topic with an earlier valid message, and an object (or array of objects) of known metrics with numbers,
booleans and nulls. Any other message goes to the slow path and its decoder (`native.NativeDecoder`). A property test
proves that both paths give the same result.
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
from ingest.vocabulary import METRICS, SERVICE_METRICS

from .hot_arrays import ITEMS_MIN, Shape, Shapes, decode_array

_SLOW = SERVICE_METRICS | {"test"}
"""Metrics that the slow path handles: rejects, and the mark of a self-test."""

_UNUSUAL = RETAIN | DUP | OVERSIZE
_Fields = dict[str, ZonedTime | int | float | bool | None]
_decode = msgspec.json.Decoder(_Fields | list[_Fields]).decode


class Route(msgspec.Struct, gc=False):  # a city has hundreds of thousands, without cycles for the collector
    """State of a topic: sensor, seed of its message keys, next sequence number, shape of its arrays.

    last: key of its last message, when that has neither time nor sequence number.
    """

    sensor: int
    seed: int
    next_seq: int | None = None
    shape: Shape | None = None
    last: int | None = None


class Columns:
    """Topics and metrics of the hot path, learned from messages that the slow path accepted."""

    def __init__(self, gaps: Gaps) -> None:
        """gaps: sequence numbers of every topic."""
        self.routes: dict[bytes, Route] = {}
        self._shapes = Shapes()
        self._gaps = gaps
        self.metrics = {metric.name: metric.code for metric in METRICS if metric.name not in _SLOW}

    def accept(  # noqa: C901, PLR0912, PLR0915 - the hot loop: one call per message would cost a tenth of the rate
        self,
        frames: Sequence[Frame],
        batch: OpenBatch,
        duplicates: Duplicates,
        *,
        span: tuple[int, int, int],
        slow: Callable[[Frame], None],
        resolve: Callable[[bytes], Route | None] = lambda _topic: None,
    ) -> None:
        """Append the readings of all frames, in order; `slow` receives every frame that this path declines.

        resolve: returns the route of a topic without a message so far whose sensor is known, None for any other.

        span: earliest time that may be stored, arrival of these frames, latest time that may be stored, in ns.
        """
        (earliest_ns, now_ns, latest_ns), routes, codes = span, self.routes, self.metrics
        times, values, digest, decode = batch.time_ns, batch.value, xxh3_64_intdigest, _decode
        young, old, fresh = duplicates.own.young, duplicates.own.old, duplicates.fresh
        add_sensor, add_time, add_rows = batch.sensor.append, batch.time_ns.append, batch.rows.append
        add_metric, add_value, add_origin = batch.metric.append, batch.value.append, batch.origin.append
        add_untimed = batch.untimed.append
        for frame in frames:
            flags, packet_id, topic, payload = frame
            route = routes.get(topic) or resolve(topic)
            if route is None or flags & _UNUSUAL or (key := digest(payload, route.seed)) in young or key in old:
                slow(frame)
                continue
            if route.shape and self._decode_array(frame, route, route.shape, batch, span):
                young.add(key)
                fresh.append(key)
                continue
            items, rows, own = len(times), len(values), True
            start = rows
            try:
                document = decode(payload)
                for fields in (document,) if document.__class__ is dict else document or _decline():
                    time = fields.pop("time", None)
                    seq = fields.pop("seq", None)
                    if seq.__class__ is int and seq == route.next_seq:
                        route.next_seq = seq + 1
                    elif seq is not None:
                        self._accept_other(route, topic, seq, now_ns)
                    if time.__class__ is int:
                        time *= MILLISECOND_NS
                    elif time is None:
                        time = now_ns
                        add_untimed(len(times))
                        own = own and seq is not None
                    else:
                        time = _stamp_ns(time)
                    if not earliest_ns <= time <= latest_ns:
                        _decline()
                    add_time(time)
                    for name, value in fields.items():
                        if value is not None:
                            add_value(value)
                            add_metric(codes[name])
                    end = len(values)
                    if end == start:
                        _decline()
                    add_rows(end - start)
                    add_sensor(route.sensor)
                    add_origin(frame)
                    start = end
            except Exception:  # noqa: BLE001 - the slow path names the cause
                batch.rewind(items, rows)
                slow(frame)
                continue
            route.last = None if own else key
            if own:
                young.add(key)
                fresh.append(key)
                if document.__class__ is list and len(document) >= ITEMS_MIN:
                    route.shape = self._shapes.learn(payload, codes)
            elif packet_id:
                duplicates.remember_repeat(payload, route.seed, packet_id)

    def _decode_array(
        self, frame: Frame, route: Route, shape: Shape, batch: OpenBatch, span: tuple[int, int, int]
    ) -> bool:
        """Append an array of the known shape. Return False, and append nothing, for another shape."""
        numbers = decode_array(frame, shape, batch, sensor=route.sensor, span=span)
        if numbers is None:
            return False
        self._gaps.accept(route, frame[2], numbers, span[1])
        return True

    def _accept_other(self, route: Route, topic: bytes, seq: object, now_ns: int) -> None:
        """Pass on a sequence number that is not the next one; decline any other type."""
        if type(seq) is not int:
            _decline()
        self._gaps.accept_other(route, topic, seq, now_ns)


def _stamp_ns(time: object) -> int:
    """Return the nanoseconds of a zoned time; decline any other value."""
    return int(time.timestamp() * 1e6 + 0.5) * 1_000 if isinstance(time, datetime) else _decline()


def _decline() -> NoReturn:
    raise ValueError("message for the slow path")
