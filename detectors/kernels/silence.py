"""Kernel of offline detection: deadlines on a clock that excludes the downtime of the service.

The kernel learns the period of a sensor that sends at even intervals and has no declared period. When a gateway goes
offline, the kernel emits one detection for the gateway and none for the sensors behind it, whose deadlines stay.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.experimental import structref
from numpy.typing import NDArray

from .emission import NONE, TIMELINES, WIDTH, emit
from .gateways import FAR, HOPS, MISSED, fastest, through, under

SECOND_NS = 1_000_000_000
LIMIT = WIDTH
"""Column of the integer table behind those of every kernel: the limit at the entry."""

CLOCK, ARRIVAL, TICKING, DUE, REGISTERS = 0, 1, 2, 3, 4
"""Registers: clock without downtime, newest arrival, 1 after the first clock reading, next deadline."""

INTERVALS = 8
"""Intervals between messages from which a period is learned."""

MESSAGE, TICK, GONE, AWAITED = 0, 1, 2, 3
"""Signs of rows: message, clock reading of the service, announced loss, declared sensor without a message so far."""

_EVEN, _EVEN_SHARE = 7, 0.15  # number of intervals that must lie within this share of their median
_LATE_STEPS = 32  # messages over which a lateness decays


@structref.register
class _OfflineType(types.StructRef):
    """Type of `Offline` in compiled code."""


class Offline(structref.StructRefProxy):
    """Settings and state of a rule for `find_offline`. As one argument they take a third of the time of 16 arrays.

    spans: periods without a message until offline, limit of an unknown period, shortest learned limit, longest gap that
    is no downtime of the service, longest lateness granted, bound on the limit as far as one message may be missing.
    at_once: an announced loss is a detection; else the bound on the limit starts with it, and an awaited sensor has the
    whole limit instead of one period. relays: gateways outside the rule, whose return restarts the deadlines behind
    them. ladder: spans after the limit, the first 0. sensors: limit (FAR: never offline), last message on the clock
    without downtime, the same as arrival time (NONE for an awaited sensor), step of the ladder, code of the gateway or
    -1, lateness of its messages, added to the limit, whether it is a gateway. learning: whether the period is learned,
    the last intervals (ms), their number.
    """


_FIELDS = ["spans", "at_once", "relays", "ladder", "register", "sensors", "learning"]
structref.define_constructor(Offline, _OfflineType, _FIELDS)  # type: ignore[no-untyped-call]
structref.define_boxing(_OfflineType, Offline)  # type: ignore[no-untyped-call]


@njit(cache=True, nogil=True)
def bind(spans, at_once, relays, ladder, register, sensors, learning):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917 - compiled constructor
    """Return the settings and state of a rule; the arrays stay the caller's."""
    return Offline(spans, at_once, relays, ladder, register, sensors, learning)  # type: ignore[no-untyped-call]


@njit(cache=True, nogil=True)
def _note(found, at, sensor, sensors):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined
    """Write the limit of an entry: that of its sensor; of a gateway, the shortest one behind it."""
    limit, parent, gateways = sensors[0], sensors[4], sensors[6]
    least = limit[sensor]
    if gateways[sensor]:
        shortest = FAR
        for other in range(len(parent)):
            if parent[other] == sensor:
                shortest = min(shortest, limit[other])
        least = least if shortest == FAR else shortest
    found[at, LIMIT] = least


@njit(cache=True, nogil=True)
def _scan(row, now, register, periods, ladder, sensors, found, values, count):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Emit the detections that are due and set the next deadline."""
    limit, last_seen, last_arrival, step, parent, late, _ = sensors
    second = np.empty(len(step), np.int64)
    fastest(limit, last_seen, parent, second)
    due = FAR
    for sensor in range(len(step)):
        if last_seen[sensor] == NONE or limit[sensor] == FAR:
            continue
        while (
            step[sensor] < len(ladder)
            and now - last_seen[sensor] >= limit[sensor] + late[sensor] + ladder[step[sensor]]
        ):
            if step[sensor] == 0 and not under(sensor, parent, step):
                above = through(sensor, now, last_seen, limit, parent, second, periods)
                if above >= 0:
                    entry = (row, above * TIMELINES, 0, 0, last_arrival[above], register[ARRIVAL])
                    found, values = emit(found, values, count, entry, (now - last_seen[above]) / 1e9)
                    _note(found, count, entry[1] // TIMELINES, sensors)
                    count += 1
                    step[above] = 1
                    if len(ladder) > 1 and limit[above] != FAR:
                        due = min(due, last_seen[above] + limit[above] + ladder[1])
            if step[sensor] == 0 and under(sensor, parent, step):
                break
            phase = 1 if step[sensor] > 0 else 0
            entry = (row, sensor * TIMELINES, phase, step[sensor], last_arrival[sensor], register[ARRIVAL])
            found, values = emit(found, values, count, entry, (now - last_seen[sensor]) / 1e9)
            _note(found, count, entry[1] // TIMELINES, sensors)
            count += 1
            step[sensor] += 1
        if step[sensor] < len(ladder) and not (step[sensor] == 0 and under(sensor, parent, step)):
            due = min(due, last_seen[sensor] + limit[sensor] + late[sensor] + ladder[step[sensor]])
    register[DUE] = due
    return found, values, count


@njit(cache=True, nogil=True)
def _learn(sensor, interval, periods, floor, cap, limit, unknown, intervals, filled):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined
    """Store an interval; eight of them set the limit: from their median if they are even, else the unknown one."""
    intervals[sensor, filled[sensor]] = min(interval // 1_000_000, np.int64(2**31 - 1))
    filled[sensor] += 1
    if filled[sensor] < INTERVALS:
        return
    filled[sensor] = 0
    last = np.sort(intervals[sensor])
    middle = last[INTERVALS // 2]
    even = np.sum(np.abs(last - middle) <= _EVEN_SHARE * middle)
    learned = min(np.int64(periods * middle * 1e6), max(cap, np.int64(MISSED * middle * 1e6)))
    learned = max(learned, floor)
    limit[sensor] = min(learned, unknown) if even >= _EVEN else unknown


@njit(cache=True, nogil=True)
def _return(above, now, register, parent, last_seen, step):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined
    """Restart the deadlines behind a gateway that returned, except of sensors that are offline themselves."""
    register[DUE] = min(register[DUE], now)
    for sensor in range(len(parent)):
        if step[sensor] > 0 or last_seen[sensor] == NONE:
            continue
        higher = parent[sensor]
        for _ in range(HOPS):
            if higher < 0:
                break
            if higher == above:
                last_seen[sensor] = now
                break
            higher = parent[higher]


@njit(cache=True, nogil=True)
def _await(sensor, now, span, grace, register, sensors):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined
    """Start the deadline of a sensor without a message: after the span, at its limit at the latest, and the grace."""
    limit, last_seen, late = sensors[0], sensors[1], sensors[5]
    if last_seen[sensor] == NONE:
        due = now + min(limit[sensor], span)
        last_seen[sensor], late[sensor] = due - limit[sensor], grace
        register[DUE] = min(register[DUE], due + grace)


@njit(cache=True, nogil=True)
def _lose(lost, now, cap, unknown, register, sensors):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined
    """Bring the deadlines of a lost device, and of the sensors behind it, to the cap at the latest."""
    limit, last_seen, step, parent = sensors[0], sensors[1], sensors[3], sensors[4]
    if limit[lost] == FAR and last_seen[lost] != NONE:  # a gateway: no message before any deadline behind it
        last_seen[lost] = min(last_seen[lost], now + cap - unknown)
    for sensor in range(len(parent)):
        above = sensor
        for _ in range(HOPS + 1):
            if above == lost or above < 0:
                break
            above = parent[above]
        if above == lost and last_seen[sensor] != NONE and limit[sensor] != FAR and step[sensor] == 0:
            last_seen[sensor] = min(last_seen[sensor], now - max(np.int64(0), limit[sensor] - cap))
            register[DUE] = min(register[DUE], last_seen[sensor] + limit[sensor])


@njit(cache=True, nogil=True)
def _lift(row, above, now, arrival, register, sensors, found, values, count):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Mark the gateways above a message as seen, and clear their detections."""
    last_seen, last_arrival, step, parent = sensors[1], sensors[2], sensors[3], sensors[4]
    for _ in range(HOPS):
        if above < 0:
            break
        was, begun = step[above], last_arrival[above]
        last_seen[above], last_arrival[above], step[above] = now, arrival, 0
        if was > 0:
            entry = (row, above * TIMELINES, 2, was - 1, begun, arrival)
            found, values = emit(found, values, count, entry, 0.0)
            _note(found, count, entry[1] // TIMELINES, sensors)
            count += 1
            _return(above, now, register, parent, last_seen, step)
        above = parent[above]
    return found, values, count


@njit(cache=True, nogil=True)
def find_offline(  # noqa: C901, PLR0912, PLR0915, PLR0917 - compiled: arrays one by one, one loop
    codes: NDArray[np.int32],
    times: NDArray[np.int64],
    arrivals: NDArray[np.int64],
    signs: NDArray[np.int8],
    offline: Any,
    found: NDArray[np.int64],
    values: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """Score a batch of sensors, event times, arrivals and signs.

    found: its last column is the limit at the entry. A message also counts for every gateway above its sensor.
    Deadlines are checked on whole seconds, which bounds the number of scans.
    """
    periods, unknown, floor, gap_ns, late_max, cap = offline.spans
    at_once, relays, ladder, register = offline.at_once, offline.relays, offline.ladder, offline.register
    sensors = offline.sensors
    learns, intervals, filled = offline.learning
    limit, last_seen, last_arrival, step, parent, late, _ = sensors
    count = 0
    for row in range(len(codes)):
        if register[ARRIVAL] == NONE:
            register[ARRIVAL] = arrivals[row]
        gap = arrivals[row] - register[ARRIVAL]
        if gap > 0:
            register[ARRIVAL] = arrivals[row]
            if not (register[TICKING] and gap > gap_ns):
                register[CLOCK] += gap
        now = register[CLOCK]
        whole = now - now % SECOND_NS
        if whole >= register[DUE]:
            found, values, count = _scan(row, whole, register, periods, ladder, sensors, found, values, count)
        if signs[row] == TICK:
            register[TICKING] = 1
            continue
        sensor, gone = codes[row], signs[row] == GONE
        if gone and not at_once:
            _lose(sensor, now, cap, unknown, register, sensors)
            continue
        if limit[sensor] == FAR and not relays[sensor]:
            continue
        if signs[row] == AWAITED:
            one = np.int64(limit[sensor] / periods) if at_once and not learns[sensor] else cap
            _await(sensor, now, one, 0 if at_once else late_max, register, sensors)
            continue
        was, begun, above = step[sensor], last_arrival[sensor], parent[sensor]
        before = last_seen[sensor]
        if begun == NONE and before != NONE:  # the first message of an awaited sensor
            late[sensor], begun = late_max, arrivals[row]
        elif learns[sensor] and before != NONE and now - before >= SECOND_NS and not gone:
            _learn(sensor, now - before, periods, floor, cap, limit, unknown, intervals, filled)
        behind = arrivals[row] - times[row]
        if SECOND_NS <= behind <= late_max:  # more is a backfill, not a delay
            late[sensor] = max(late[sensor], behind)
        if arrivals[row] != last_arrival[sensor]:  # once a message
            late[sensor] -= late[sensor] // _LATE_STEPS
        last_seen[sensor] = now
        last_arrival[sensor] = arrivals[row]
        if gone:
            if was > 0 or under(sensor, parent, step):
                continue
            step[sensor] = 1
            entry = (row, sensor * TIMELINES, 0, 0, arrivals[row], arrivals[row])
            found, values = emit(found, values, count, entry, 0.0)
            _note(found, count, entry[1] // TIMELINES, sensors)
            count += 1
            register[DUE] = min(register[DUE], now + limit[sensor])
            continue
        step[sensor] = 0
        if limit[sensor] != FAR:
            register[DUE] = min(register[DUE], now + limit[sensor])
        if was > 0:
            entry = (row, sensor * TIMELINES, 2, was - 1, begun, arrivals[row])
            found, values = emit(found, values, count, entry, 0.0)
            _note(found, count, entry[1] // TIMELINES, sensors)
            count += 1
        if was > 0 or (not at_once and before != NONE and now - before > cap):  # also after an announced loss
            _return(sensor, now, register, parent, last_seen, step)
        found, values, count = _lift(row, above, now, arrivals[row], register, sensors, found, values, count)
    return found, values, count
