"""Link faults: lost, duplicated, reordered and delayed messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from annotated_types import Interval, Unit, doc

from simulators.campus.fleet import Samples
from simulators.campus.noise import uniform
from simulators.faults.fault import FaultSettings, Planned
from simulators.truth.truth import Truth


@dataclass(frozen=True, slots=True)
class LossSettings(FaultSettings):
    """Messages never arrive."""

    share: Annotated[float, Interval(gt=0, le=1), doc("share of lost messages")] = 0.02
    burst_s: Annotated[
        float, Interval(ge=0, le=3600), Unit("s"), doc("length of a run of losses; 0: single losses")
    ] = 0.0


@dataclass(frozen=True, slots=True)
class DuplicateSettings(FaultSettings):
    """Messages are delivered again, as QoS 1 may."""

    share: Annotated[float, Interval(gt=0, le=1), doc("share of duplicated messages")] = 0.01
    after_s: Annotated[tuple[float, float], Interval(ge=0, le=86_400), Unit("s"), doc("delay of the copy")] = (
        0.05,
        20.0,
    )


@dataclass(frozen=True, slots=True)
class ReorderSettings(FaultSettings):
    """Messages overtake each other."""

    window_s: Annotated[float, Interval(gt=0, le=3600), Unit("s"), doc("longest delay of a message")] = 30.0


@dataclass(frozen=True, slots=True)
class DelaySettings(FaultSettings):
    """A slow link: every message of a device has the same delay."""

    delay_s: Annotated[tuple[float, float], Interval(ge=0, le=86_400), Unit("s"), doc("delay of a device")] = (1.0, 8.0)


@dataclass(frozen=True, slots=True)
class Link(Planned):
    """A planned link fault."""

    settings: LossSettings | DuplicateSettings | ReorderSettings | DelaySettings

    def carry(self, part: Samples) -> Samples:
        """Return the rows that arrive, with their times."""
        rows = self.reach.rows(part)
        if not rows.any():
            return part
        match self.settings:
            case LossSettings(share=share, burst_s=burst_s):
                return part.keep(~(rows & self._lost(part, share, burst_s)))
            case DuplicateSettings(share=share, after_s=after_s):
                return self._doubled(part, np.flatnonzero(rows & (self.reach.luck(part, stream=2) < share)), after_s)
            case ReorderSettings(window_s=window_s):
                late_ms = 1000 * window_s * self.reach.luck(part, stream=4)
            case DelaySettings(delay_s=(low, high)):
                own = uniform(self.reach.keys(part), np.zeros(len(part), np.int64), stream=5)
                late_ms = 1000 * (low + (high - low) * own)
        return replace(part, sent_ms=part.due_ms + np.where(rows, late_ms, 0).astype(np.int64))

    def _lost(self, part: Samples, share: float, burst_s: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        if burst_s:
            run = part.due_ms // max(1, round(1000 * burst_s))
            return uniform(self.reach.keys(part), run, stream=1) < share
        return self.reach.luck(part, stream=1) < share

    def _doubled(
        self, part: Samples, chosen: np.ndarray[tuple[int], np.dtype[np.intp]], after_s: tuple[float, float]
    ) -> Samples:
        both = part.select(np.concatenate((np.arange(len(part)), chosen)))
        low, high = after_s
        late_ms = 1000 * (low + (high - low) * self.reach.luck(part, stream=3)[chosen])
        sent_ms = both.due_ms.copy()
        sent_ms[len(part) :] += late_ms.astype(np.int64)
        return replace(both, sent_ms=sent_ms)

    def truths(self) -> Sequence[Truth]:
        """Return one interval."""
        kinds = {LossSettings: "loss", DuplicateSettings: "duplication", ReorderSettings: "reordering"}
        return [self.reach.truth(kinds.get(type(self.settings), "delay"))]
