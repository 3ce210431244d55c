"""Disturbance of a fleet as changes of single metrics, muted devices and extra messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simulators.campus.effect import Stage
from simulators.campus.fleet import Samples
from simulators.campus.noise import Floats
from simulators.truth.truth import Truth

Change = Callable[[Floats, Floats], Floats]
"""(seconds since the disturbance began, undisturbed values) -> disturbed values; both of shape (n,)."""


@dataclass(frozen=True, slots=True)
class MetricChange:
    """Change of one metric of one device."""

    device: int
    metric: str
    apply: Change


@dataclass(frozen=True, slots=True)
class Muted:
    """A device without messages between two times (ms). metrics: empty for all, "labels" for events."""

    device: int
    span_ms: tuple[int, int]
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One planned disturbance: metric changes, muted devices, extra messages, and its truth.

    extra: messages that exist only because of it, built once.
    """

    stage: Stage
    span_ms: tuple[int, int]
    labels: tuple[Truth, ...]
    changes: tuple[MetricChange, ...] = ()
    muted: tuple[Muted, ...] = ()
    extra: tuple[Samples, ...] = ()

    def alter(self, part: Samples) -> Samples:
        """Return the messages with changed metrics, without muted ones."""
        for muted in self.muted:
            if not muted.metrics or muted.metrics == part.metrics or (muted.metrics == ("labels",) and part.labels):
                begin, end = muted.span_ms
                part = part.keep((part.device != muted.device) | (part.time_ms < begin) | (part.time_ms >= end))
        for change in self.changes:
            if change.metric in part.metrics:
                part = self._changed(part, change)
        return part

    def _changed(self, part: Samples, change: MetricChange) -> Samples:
        begin, end = self.span_ms
        rows = np.flatnonzero((part.device == change.device) & (part.time_ms >= begin) & (part.time_ms < end))
        if not len(rows):
            return part
        column = part.values[:, part.metrics.index(change.metric)].copy()
        column[rows] = change.apply((part.time_ms[rows] - self.stage.at_ms) / 1000, column[rows])
        return part.with_column(change.metric, column)

    def events(self, span_ms: tuple[int, int]) -> list[Samples]:
        """Return its extra messages in [begin, end)."""
        begin, end = span_ms
        kept = [part.keep((part.time_ms >= begin) & (part.time_ms < end)) for part in self.extra if len(part)]
        return [part for part in kept if len(part)]

    def truths(self) -> Sequence[Truth]:
        """Return its labelled truths."""
        return self.labels


def interval(
    stage: Stage,
    kind: str,
    devices: Sequence[int],
    moments_ms: tuple[int, int, int | None, int],
    *,
    level: int,
    page: bool = False,
    nuisance: bool = False,
    carriers: int = 1,
) -> Truth:
    """Return a truth over devices, the first `carriers` of which carry the signal.

    moments_ms: onset, detectable_from, harm_at, end. nuisance: it must cause no page.
    """
    here = stage.fleet.devices[devices[0]]
    names = tuple(stage.fleet.devices[index].id for index in devices)
    onset, seen, harm, end = moments_ms
    return Truth(
        stage.scenario, kind, here.site, here.zone, onset, seen, harm, end, level,
        must_page=page, must_not_page=nuisance, devices=names[:carriers], affected_devices=names,
    )  # fmt: skip


def at(stage: Stage, since_s: float) -> int:
    """Return the time (ms UTC) `since_s` seconds after the begin."""
    return stage.at_ms + round(1000 * since_s)


def mates(stage: Stage, device: int, model: str, *, same_place: bool = False) -> list[int]:
    """Return other devices of a model in the same zone (or place) of the same site."""
    here = stage.fleet.devices[device]
    return [
        index
        for index in stage.fleet.find(model, site=here.site)
        if index != device
        and stage.fleet.devices[index].zone == here.zone
        and (not same_place or stage.fleet.devices[index].place == here.place)
    ]
