"""The devices of one or many schools, and the columns of the messages they send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulators.calendar import Calendar
from simulators.noise import Floats, Words, key_of


@dataclass(frozen=True, slots=True)
class Device:
    """One sensor: where it hangs and by which model it behaves.

    model: smoke, turnstile, door, pond, rain, pipe, leak, camera, room; period_s: between its messages; xy: metres on
    the plan; limits: metric -> rising limits in the metric's unit; profile: how detectors should treat it.
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


@dataclass(frozen=True, eq=False)
class Fleet:
    """Devices by index, with the key of each under the seed."""

    devices: tuple[Device, ...]
    calendar: Calendar
    seed: int

    @cached_property
    def keys(self) -> Words:
        """One 64-bit key a device, shape (devices,)."""
        return np.array([key_of(self.seed, f"{d.site}/{d.id}") for d in self.devices], np.uint64)

    @cached_property
    def groups(self) -> Mapping[tuple[str, float], NDArray[np.int32]]:
        """Indexes of the devices of each (model, period_s)."""
        found: dict[tuple[str, float], list[int]] = {}
        for index, device in enumerate(self.devices):
            found.setdefault((device.model, device.period_s), []).append(index)
        return {group: np.array(members, np.int32) for group, members in found.items()}

    def find(self, model: str, *, zone_key: str = "", site: str = "") -> list[int]:
        """Indexes of the devices of a model, of a zone's key and a site where given."""
        return [
            index
            for index, device in enumerate(self.devices)
            if device.model == model and zone_key in ("", device.zone_key) and site in ("", device.site)
        ]


@dataclass(frozen=True, eq=False, slots=True)
class Frames:
    """Messages of equal make as columns: row i is one message of `device[i]`, measured at `time_ms[i]`.

    device: int32 index into the fleet, shape (n,); time_ms: int64 UTC, what the device's clock says, shape (n,);
    metrics: names of the k columns; values: float64, shape (n, k), booleans as 0 and 1, NaN where there is no
    measurement; labels: one mapping a row with the texts that travel beside the values (of a camera event, a card),
    else empty. Once on its way a message also has, all of shape (n,): seq: the device's running number; sent_ms: when
    it is sent, by true time (None: when measured); retain: whether it is published retained (None: no).
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
        """When each message is sent (ms UTC, true time)."""
        return self.time_ms if self.sent_ms is None else self.sent_ms

    def keep(self, rows: NDArray[np.bool_]) -> Frames:
        """Only the marked rows."""
        return self if rows.all() else self.take(np.flatnonzero(rows))

    def take(self, rows: NDArray[np.intp]) -> Frames:
        """The rows of these numbers, in their order; a number may come twice."""
        return Frames(
            self.device[rows],
            self.time_ms[rows],
            self.metrics,
            self.values[rows],
            tuple(self.labels[row] for row in rows.tolist()) if self.labels else (),
            None if self.seq is None else self.seq[rows],
            None if self.sent_ms is None else self.sent_ms[rows],
            None if self.retain is None else self.retain[rows],
        )

    def with_column(self, metric: str, column: Floats) -> Frames:
        """The same messages with one metric replaced."""
        values = self.values.copy()
        values[:, self.metrics.index(metric)] = column
        return replace(self, values=values)


def frames(rows: Sequence[tuple[int, int]], metrics: Mapping[str, Sequence[float]]) -> Frames:
    """Frames from single (device, time_ms) rows and one list of values a metric."""
    device = np.array([row[0] for row in rows], np.int32)
    time_ms = np.array([row[1] for row in rows], np.int64)
    values = np.array([list(column) for column in metrics.values()], np.float64).T.reshape(len(rows), len(metrics))
    return Frames(device, time_ms, tuple(metrics), values)


def grid(
    fleet: Fleet, members: NDArray[np.int32], period_s: float, span_ms: tuple[int, int]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """When each member sends in [begin, end): device, time_ms and running sample number, ordered by device, then time.

    Each device has its own phase, so that a fleet does not speak in chorus.
    """
    begin, end = span_ms
    period = round(period_s * 1000)
    phase = (fleet.keys[members] % np.uint64(period)).astype(np.int64)
    first = -((phase - begin) // period)
    count = (end - begin) // period + 2
    sample = first[:, None] + np.arange(count, dtype=np.int64)
    time_ms = phase[:, None] + sample * period
    inside = (time_ms >= begin) & (time_ms < end)
    device = np.broadcast_to(members[:, None], time_ms.shape)
    return device[inside], time_ms[inside], sample[inside]
