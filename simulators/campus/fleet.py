"""Devices of one or many schools, and the columns of their messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from simulators.campus.calendar import Calendar
from simulators.campus.noise import Floats, Words, crossed, keys_of, knots, normal, normals, smooth, uniform


@dataclass(frozen=True, slots=True)
class Device:
    """One sensor: its place and its model.

    model: smoke, turnstile, door, pond, rain, pipe, leak, camera, room; period_s: between its messages; xy: metres on
    the plan; limits: metric -> rising limits in the metric's unit; profile: profile for the detectors.
    """

    site: str
    id: str
    kind: str
    model: str
    zone: str
    zone_key: str
    place: str
    xy: tuple[float, float]
    period_s: float
    profile: str = ""
    limits: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


class Devices(Sequence[Device]):
    """Every device of a fleet by index, created on access: a city has 600,000 devices."""

    def __init__(self, sites: Sequence[str], drawn: Sequence[Device]) -> None:
        """drawn: the devices of one school, their `site` empty; every site has all of them."""
        self._sites, self._drawn = sites, drawn

    def __len__(self) -> int:
        return len(self._sites) * len(self._drawn)

    @overload
    def __getitem__(self, index: int) -> Device: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Device, ...]: ...
    def __getitem__(self, index: int | slice) -> Device | tuple[Device, ...]:
        if isinstance(index, slice):
            return tuple(self[at] for at in range(*index.indices(len(self))))
        site, place = divmod(range(len(self))[index], len(self._drawn))
        d = self._drawn[place]
        return Device(
            self._sites[site], d.id, d.kind, d.model, d.zone, d.zone_key, d.place, d.xy, d.period_s, d.profile, d.limits
        )


@dataclass(frozen=True, eq=False)
class Fleet:
    """The same drawn devices on every site; device index = site number * len(drawn) + number on the drawing."""

    sites: tuple[str, ...]
    drawn: tuple[Device, ...]
    calendar: Calendar
    seed: int

    @cached_property
    def devices(self) -> Devices:
        """Devices by index."""
        return Devices(self.sites, self.drawn)

    @cached_property
    def keys(self) -> Words:
        """One 64-bit key for each device, shape (devices,)."""
        return crossed(keys_of(self.seed, list(self.sites)), keys_of(0, [d.id for d in self.drawn]))

    @cached_property
    def sky(self) -> Words:
        """Key of the weather, shape (1,): all sites are in one city."""
        return keys_of(self.seed, ["sky"])

    @cached_property
    def groups(self) -> Mapping[tuple[str, float], NDArray[np.int32]]:
        """Indexes of the devices of each (model, period_s), in order."""
        found: dict[tuple[str, float], list[int]] = {}
        for number, device in enumerate(self.drawn):
            found.setdefault((device.model, device.period_s), []).append(number)
        return {group: self._everywhere(numbers) for group, numbers in found.items()}

    def find(self, model: str, *, zone_key: str = "", site: str = "", device: str = "") -> list[int]:
        """Return the indexes of the devices of a model, filtered by zone key, site and id where given."""
        numbers = [
            number
            for number, drawn in enumerate(self.drawn)
            if drawn.model == model and zone_key in ("", drawn.zone_key) and device in ("", drawn.id)
        ]
        if not site:
            return [int(index) for index in self._everywhere(numbers)]
        if site not in self.sites:
            return []
        return [self.sites.index(site) * len(self.drawn) + number for number in numbers]

    def index_of(self, device: Device) -> int:
        """Return the index of a device of this fleet."""
        return self.sites.index(device.site) * len(self.drawn) + self._numbers[device.id]

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        return {device.id: number for number, device in enumerate(self.drawn)}

    def _everywhere(self, numbers: list[int]) -> NDArray[np.int32]:
        starts = np.arange(len(self.sites), dtype=np.int32) * len(self.drawn)
        return (starts[:, None] + np.array(numbers, np.int32)[None, :]).ravel()


@dataclass(frozen=True, eq=False, slots=True)
class Samples:
    """Messages with the same metrics as columns: row i is one message of `device[i]`, measured at `time_ms[i]`.

    device: int32 index into the fleet, shape (n,). time_ms: int64 UTC, by the device's clock, shape (n,). metrics:
    names of the k columns. values: float64, shape (n, k); booleans are 0 and 1, a missing measurement is NaN. labels:
    one mapping a row with the texts of the message (of a camera event, a card), else empty. A sent message also has,
    all of shape (n,): seq: sequence number of the device; sent_ms: true time of sending (None: time of measurement);
    retain: whether it is published retained (None: no).
    """

    device: NDArray[np.int32]
    time_ms: NDArray[np.int64]
    metrics: tuple[str, ...]
    values: Floats
    labels: Sequence[Mapping[str, Any]] = ()
    seq: NDArray[np.int64] | None = None
    sent_ms: NDArray[np.int64] | None = None
    retain: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.device)

    @property
    def due_ms(self) -> NDArray[np.int64]:
        """Return the time of sending of each message (ms UTC, true time)."""
        return self.time_ms if self.sent_ms is None else self.sent_ms

    def keep(self, rows: NDArray[np.bool_]) -> Samples:
        """Return the marked rows."""
        return self if rows.all() else self.select(np.flatnonzero(rows))

    def select(self, rows: NDArray[np.intp]) -> Samples:
        """Return the rows at these positions, in this order; a position may repeat."""
        return Samples(
            self.device[rows],
            self.time_ms[rows],
            self.metrics,
            self.values[rows],
            tuple(self.labels[row] for row in rows.tolist()) if self.labels else (),
            None if self.seq is None else self.seq[rows],
            None if self.sent_ms is None else self.sent_ms[rows],
            None if self.retain is None else self.retain[rows],
        )

    def with_column(self, metric: str, column: Floats) -> Samples:
        """Return the messages with one metric replaced."""
        values = self.values.copy()
        values[:, self.metrics.index(metric)] = column
        return replace(self, values=values)


def frames(rows: Sequence[tuple[int, int]], metrics: Mapping[str, Sequence[float]]) -> Samples:
    """Return samples from single (device, time_ms) rows and one list of values for each metric."""
    device = np.array([row[0] for row in rows], np.int32)
    time_ms = np.array([row[1] for row in rows], np.int64)
    values = np.array([list(column) for column in metrics.values()], np.float64).T.reshape(len(rows), len(metrics))
    return Samples(device, time_ms, tuple(metrics), values)


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """Schedule of messages: the rows that a model fills, in order of member and time.

    members: device indexes, shape (m,). member: position in `members`, shape (n,). time_ms: shape (n,). sample: number
    of this message of its device, shape (n,).
    """

    fleet: Fleet
    period_s: float
    members: NDArray[np.int32]
    member: NDArray[np.intp]
    time_ms: NDArray[np.int64]
    sample: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.member)

    @property
    def device(self) -> NDArray[np.int32]:
        """Return the device index of each row."""
        return self.members[self.member]

    @property
    def keys(self) -> Words:
        """Return the key of each row's device."""
        return self.fleet.keys[self.members][self.member]

    def own(self, *, stream: int = 0) -> Floats:
        """Return a constant random number in (0, 1) of each row's device."""
        keys = self.fleet.keys[self.members]
        return uniform(keys, np.zeros(len(keys), np.int64), stream=stream)[self.member]

    def uniform(self, *, stream: int = 0) -> Floats:
        """Return a random number in (0, 1) for each row."""
        return uniform(self.keys, self.sample, stream=stream)

    def normals(self, count: int, *, stream: int = 0) -> list[Floats]:
        """Return up to four columns of standard normal numbers."""
        return normals(self.keys, self.sample, count, stream=stream)

    def smooth(self, span_s: float, *, stream: int = 0) -> Floats:
        """Return `noise.smooth` for each row; the turning points of each member are drawn once."""
        knot, weight = knots(self.time_ms, span_s)
        if not len(knot):
            return weight
        first, count = int(knot.min()), int(knot.max()) - int(knot.min()) + 2
        keys = self.fleet.keys[self.members]
        if count * len(keys) > 2 * len(knot) + 1000:
            return smooth(self.keys, self.time_ms, span_s=span_s, stream=stream)
        table = normal(keys[:, None], np.arange(first, first + count, dtype=np.int64)[None, :], stream=stream).ravel()
        at = self.member * count + (knot - first)
        left: Floats = table[at]
        wandered: Floats = left + (table[at + 1] - left) * weight
        return wandered

    def frames(self, metrics: Mapping[str, Floats]) -> Samples:
        """Return one message for each row with these columns."""
        values = np.empty((len(self), len(metrics)))
        for number, column in enumerate(metrics.values()):
            values[:, number] = column
        return Samples(self.device, self.time_ms, tuple(metrics), values)


def regular(fleet: Fleet, members: NDArray[np.int32], period_s: float, span_ms: tuple[int, int]) -> Rows:
    """Return the rows of [begin, end) of devices that send every `period_s`.

    Each device has its own phase, so the messages of a fleet are spread over the period.
    """
    begin, end = span_ms
    period = round(period_s * 1000)
    phase = (fleet.keys[members] % np.uint64(period)).astype(np.int64)
    first = -((phase - begin) // period)  # the first sample at or after begin
    count = -((phase + first * period - end) // period)
    total = int(count.sum())
    member = np.repeat(np.arange(len(members)), count)
    number = np.arange(total) - np.repeat(np.cumsum(count) - count, count)
    sample = first[member] + number
    return Rows(fleet, period_s, members, member, phase[member] + sample * period, sample)


def in_turn(fleet: Fleet, rate_per_s: float, span_ms: tuple[int, int]) -> list[tuple[str, Rows]]:
    """Return the rows of [begin, end) with the whole fleet sending in turn at a steady rate, by model.

    Consecutive messages are of different sites.
    """
    begin, end = span_ms
    first, last = (-int(-at * rate_per_s // 1000) for at in (begin, end))
    number = np.arange(first, last, dtype=np.int64)
    sample = number // len(fleet.devices)
    site, place = number % len(fleet.sites), number // len(fleet.sites) % len(fleet.drawn)
    device = site * len(fleet.drawn) + place
    time_ms = np.ceil(number * (1000 / rate_per_s)).astype(np.int64)
    models = sorted({d.model for d in fleet.drawn})
    code_of = np.array([models.index(d.model) for d in fleet.drawn])
    code = code_of[place]
    period_s = len(fleet.devices) / rate_per_s
    found = []
    for wanted, model in enumerate(models):
        chosen = np.flatnonzero(code == wanted)
        members, member = np.unique(device[chosen], return_inverse=True)
        rows = Rows(fleet, period_s, members.astype(np.int32), member, time_ms[chosen], sample[chosen])
        found.append((model, rows))
    return found


def grid(
    fleet: Fleet, members: NDArray[np.int32], period_s: float, span_ms: tuple[int, int]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Return device, time_ms and sample of `regular`."""
    rows = regular(fleet, members, period_s, span_ms)
    return rows.device, rows.time_ms, rows.sample
