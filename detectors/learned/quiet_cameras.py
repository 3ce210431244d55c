"""Cameras that see nothing: no event although the calendar's usual rate of the hour expects several.

Each camera has a rate of new objects for each hour of the day, on open and on closed days, as a mean with an
exponential memory. The expectation is the integral of the rate since the last event. For a Poisson process exp(-limit)
is the chance of none, and the largest expectation between two past events bounds bursts. Hours of a finding are not
learned.

Limits: only live events of cameras; a camera with fewer than one event an hour is found within hours at best. Cost:
about 10 us for each new object of a camera; state: 0.5 kB a camera.

Source: expected count of an inhomogeneous Poisson process, as in Ihler, Hutchins, Smyth (KDD 2006), for the lack of
events.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import exp
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from detectors.calendar import Calendar
from detectors.detection import Phase
from detectors.kernels.emission import LIVE, TIMELINES
from detectors.recipes.cameras import QuietCamera
from detectors.recipes.limits import applies
from detectors.rule_detection import RuleDetection
from detectors.series.views import BatchView, Fleet, Part, Table
from detectors.wording import span

LAYOUT = 1
"""Version of the state in snapshots; a change of its fields or of their meaning raises it."""

SECOND_NS = 1_000_000_000
HOUR_NS = 3600 * SECOND_NS
HOURS = 24
AHEAD_HOURS = 24 * 8
"""Hours for which the expectation is integrated: a week with its weekend."""
SAME_NS = 30 * SECOND_NS
"""Time within which a further message of the same object changes nothing."""
FAR = 2**63 - 1


@dataclass(slots=True)
class _Course:
    """Course of one camera. rates: events an hour by slot, -1 before its first; count: events of the present hour.

    largest: expectation between two past events at most; raised: begin of the open finding, 0 without one.
    """

    first_ns: int
    last_ns: int
    hour: int
    count: int = 0
    largest: float = 0.0
    due_ns: int = FAR
    expected: float = 0.0
    raised_ns: int = 0
    rates: list[float] = field(default_factory=lambda: [-1.0] * (2 * HOURS))


class QuietCameraDetector:
    """Detector of a rule of type quiet_camera."""

    def __init__(self, rule: QuietCamera, table: Table, calendar: Calendar) -> None:
        self.rule, self._table, self._calendar = rule, table, calendar
        self._zone = ZoneInfo(calendar.timezone)
        self._cameras: dict[int, _Course] = {}
        self._slot = lru_cache(maxsize=4096)(self._slot_of)
        self._ahead = lru_cache(maxsize=256)(self._ahead_of)
        self.timed, self.due_ns = True, FAR
        self.beside: tuple[str, ...] = ()

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:
        """Return the detections of new objects and of the clock."""
        found: list[RuleDetection] = []
        if part is not None:
            live = (part.states % TIMELINES == LIVE) & ~part.older & (view.batch.value[part.rows] > 0)
            for row, state in zip(part.rows[live].tolist(), part.states[live].tolist(), strict=True):
                found += self._advance(view, int(view.clock[row]))
                if view.fleet[int(view.batch.sensor[row])].kind == "camera":
                    found += self._event(view, row, state // TIMELINES)
                found += self._advance(view, int(view.clock[row]), at=row)
        found += self._advance(view, view.clock_ns)
        return found

    def sync(self, fleet: Fleet) -> None:
        """Do nothing: the facts of a sensor are read with its event."""

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (LAYOUT, self.rule, self._calendar.inputs())

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        return {
            "due": self.due_ns,
            "cameras": [
                [slot, one.first_ns, one.last_ns, one.hour, one.count, one.largest, one.due_ns, one.expected,
                 one.raised_ns, one.rates]
                for slot, one in sorted(self._cameras.items())
            ],
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        self.due_ns = state["due"]
        self._cameras = {slot: _Course(*rest) for slot, *rest in state["cameras"]}

    def _event(self, view: BatchView, row: int, slot: int) -> Iterator[RuleDetection]:
        """Learn a new object, and clear an open finding."""
        if not applies(self.rule, view.fleet[self._table.codes[slot]]):
            return
        now_ns, hour = int(view.batch.time_ns[row]), int(view.batch.time_ns[row]) // HOUR_NS
        one = self._cameras.get(slot)
        dims = view.batch.attributes.get(row, {})
        new = dims.get("phase") != "update" or not (dims.get("event_id") or dims.get("track"))
        if one is None:
            one = self._cameras[slot] = _Course(now_ns, now_ns, hour)
        elif not new and not one.raised_ns and now_ns - one.last_ns < SAME_NS:
            return
        if one.raised_ns:
            yield self._detection(row, slot, Phase.CLEAR, one)
            one.raised_ns, one.count, one.hour = 0, 0, hour
        else:
            one.largest = max(one.largest, self._expectation(one, now_ns))
            if hour > one.hour:
                self._learn(one, hour)
        one.count += new
        one.last_ns = max(one.last_ns, now_ns)
        one.due_ns = self._due(one)
        self.due_ns = min(self.due_ns, one.due_ns)

    def _learn(self, one: _Course, hour: int) -> None:
        """Learn the hours from the present one to the one before `hour`; those after a gap have no events."""
        for past in range(one.hour, min(hour, one.hour + AHEAD_HOURS)):
            slot = self._slot(past)
            count = one.count if past == one.hour else 0
            share = 1 - exp(-1 / self.rule.memory_days)
            one.rates[slot] = count if one.rates[slot] < 0 else one.rates[slot] + share * (count - one.rates[slot])
        one.hour, one.count = hour, 0

    def _slot_of(self, hour: int) -> int:
        """Return the slot of an hour since 1970: the local hour, apart for days on which the school is closed."""
        local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour)).astimezone(self._zone)
        return local.hour + HOURS * (self._calendar.hours(local.date()) is None)

    def _expectation(self, one: _Course, now_ns: int) -> float:
        """Return the expected events from the last event to a time."""
        total, begin_ns = 0.0, one.last_ns
        for hour in range(begin_ns // HOUR_NS, min(now_ns // HOUR_NS, begin_ns // HOUR_NS + AHEAD_HOURS) + 1):
            span_ns = min(now_ns, (hour + 1) * HOUR_NS) - max(begin_ns, hour * HOUR_NS)
            total += max(0.0, one.rates[self._slot(hour)]) * max(0, span_ns) / HOUR_NS
        return total

    def _due(self, one: _Course) -> int:
        """Return the time at which the expectation reaches the limit; FAR if it does not within AHEAD_HOURS."""
        limit, first = max(self.rule.limit, self.rule.margin * one.largest), one.last_ns // HOUR_NS
        rates = np.maximum(np.array(one.rates)[self._ahead(first)], 0.0)
        sums = np.cumsum(rates)
        wanted = limit + rates[0] * (one.last_ns - first * HOUR_NS) / HOUR_NS
        at = int(np.searchsorted(sums, wanted))
        if at == len(sums):
            return FAR
        one.expected = limit
        share = 1.0 - (sums[at] - wanted) / rates[at]
        least_ns = max(one.last_ns + int(self.rule.least_s * SECOND_NS), one.first_ns + self._settled_ns())
        return max(least_ns, (first + at) * HOUR_NS + int(share * HOUR_NS))

    def _ahead_of(self, hour: int) -> NDArray[np.int64]:
        """Return the slots of the hours from one on."""
        return np.array([self._slot(one) for one in range(hour, hour + AHEAD_HOURS)])

    def _settled_ns(self) -> int:
        return int(self.rule.settle_days * HOURS * HOUR_NS)

    def _advance(self, view: BatchView, until_ns: int, *, at: int | None = None) -> list[RuleDetection]:
        """Raise the cameras whose time is over: at the given row, else at the first one that reaches it."""
        found: list[RuleDetection] = []
        while self.due_ns <= until_ns:
            due_ns = self.due_ns
            row = int(np.searchsorted(view.clock, due_ns)) if at is None else at
            for slot in sorted(slot for slot, one in self._cameras.items() if one.due_ns <= due_ns):
                one = self._cameras[slot]
                one.due_ns, one.raised_ns = FAR, due_ns
                found.append(self._detection(row, slot, Phase.RAISE, one))
            self.due_ns = min((one.due_ns for one in self._cameras.values()), default=FAR)
        return found

    def _detection(self, row: int, slot: int, phase: Phase, one: _Course) -> RuleDetection:
        gone_s = (one.raised_ns - one.last_ns) / 1e9
        zh, en = span(gone_s)
        raised = (
            f"已 {zh}没有任何事件，而平时此时段应有约 {one.expected:.0f} 个，画面可能被遮挡或移位",
            f"No event for {en}, where about {one.expected:.0f} are usual: the picture may be covered or moved",
        )
        over = "摄像机重新有事件", "The camera has events again"
        return RuleDetection(
            row, self._table.codes[slot], self._table.metric_codes[0], LIVE, phase, self.rule.levels[0], one.last_ns,
            max(one.last_ns, one.raised_ns), self.rule, "quiet_camera",
            value=0.0, limit=round(one.expected, 2), window_s=gone_s, baseline=round(one.expected, 2),
            text=over if phase is Phase.CLEAR else raised,
            clears=("出现新的事件后解除", "Clears with the next event"),
        )  # fmt: skip
