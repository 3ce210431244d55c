"""A happening told as the courses of single metrics: most of what can happen on a campus is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simulators.campus.fleet import Samples
from simulators.campus.noise import Floats
from simulators.models.effect import Stage
from simulators.truth.truth import Truth

Change = Callable[[Floats, Floats], Floats]
"""(seconds since the happening began, values as they would be) -> values as they are; both of shape (n,)."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What becomes of one metric of one device."""

    device: int
    metric: str
    change: Change


@dataclass(frozen=True, slots=True)
class Hush:
    """A device whose messages are not sent between two moments (ms); metrics: empty for all, "labels" for events."""

    device: int
    span_ms: tuple[int, int]
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Course:
    """One planned happening: turns of metrics, silences, further messages, and the truth about it.

    said: messages that exist only because of it, made once.
    """

    stage: Stage
    span_ms: tuple[int, int]
    told: tuple[Truth, ...]
    turns: tuple[Turn, ...] = ()
    hushes: tuple[Hush, ...] = ()
    said: tuple[Samples, ...] = ()

    def alter(self, part: Samples) -> Samples:
        """The messages with their metrics turned and without those that are not sent."""
        for hush in self.hushes:
            if not hush.metrics or hush.metrics == part.metrics or (hush.metrics == ("labels",) and part.labels):
                begin, end = hush.span_ms
                part = part.keep((part.device != hush.device) | (part.time_ms < begin) | (part.time_ms >= end))
        for turn in self.turns:
            if turn.metric in part.metrics:
                part = self._turned(part, turn)
        return part

    def _turned(self, part: Samples, turn: Turn) -> Samples:
        begin, end = self.span_ms
        rows = np.flatnonzero((part.device == turn.device) & (part.time_ms >= begin) & (part.time_ms < end))
        if not len(rows):
            return part
        column = part.values[:, part.metrics.index(turn.metric)].copy()
        column[rows] = turn.change((part.time_ms[rows] - self.stage.at_ms) / 1000, column[rows])
        return part.with_column(turn.metric, column)

    def events(self, span_ms: tuple[int, int]) -> list[Samples]:
        """Its own messages in [begin, end)."""
        begin, end = span_ms
        kept = [part.keep((part.time_ms >= begin) & (part.time_ms < end)) for part in self.said if len(part)]
        return [part for part in kept if len(part)]

    def truths(self) -> Sequence[Truth]:
        """What it labels."""
        return self.told


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
    """A truth over devices, the first `carriers` of which carry the signal.

    moments_ms: onset, detectable_from, harm_at, end; nuisance: it must page nobody.
    """
    here = stage.fleet.devices[devices[0]]
    names = tuple(stage.fleet.devices[index].id for index in devices)
    onset, seen, harm, end = moments_ms
    return Truth(
        stage.scenario, kind, here.site, here.zone, onset, seen, harm, end, level,
        must_page=page, must_not_page=nuisance, devices=names[:carriers], affected_devices=names,
    )  # fmt: skip


def at(stage: Stage, since_s: float) -> int:
    """A moment (ms UTC) so many seconds after the begin."""
    return stage.at_ms + round(1000 * since_s)


def mates(stage: Stage, device: int, model: str, *, same_place: bool = False) -> list[int]:
    """Devices of a model in the same zone (or place) of the same site, the device itself left out."""
    here = stage.fleet.devices[device]
    return [
        index
        for index in stage.fleet.find(model, site=here.site)
        if index != device
        and stage.fleet.devices[index].zone == here.zone
        and (not same_place or stage.fleet.devices[index].place == here.place)
    ]
