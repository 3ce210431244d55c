"""Crowds on stairs, in corridors and halls: density, and the time until it is dangerous.

The number of persons is a camera's count, or in minus out of a counter of passages. A Kalman filter of number and net
flow smooths counts with errors of 10 to 20 %. The time to the last limit follows from both, with an interval from the
error of the flow. Only sensors of the rule's profiles, and those with an area, are scored.

Limits: people who stand still in front of a camera count as a crowd; a counter that misses passages drifts until nobody
has passed for half an hour. Cost: 8 us a reading of these sensors; state: 15 numbers a sensor.

Sources: flow drops above 2 to 3 persons a square metre (Still), 4 without free movement, crowd forces from 5.55
(Fruin); Kalman 1960 for the constant-velocity filter.

>>> track = Track(0, 0.0)
>>> for second in range(0, 60, 2):
...     track.observe(second * SECOND_NS, 4.0 * second, error=0.15, surge=0.15)
>>> round(track.number), round(track.flow, 1)
(232, 4.0)
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from detectors.detection import Phase
from detectors.kernels.emission import LIVE, TIMELINES
from detectors.outputs import LimitForecast, Outputs
from detectors.recipes.limits import applies
from detectors.recipes.traffic import Crowd
from detectors.rule_detection import RuleDetection
from detectors.series.views import BatchView, Fleet, Part, Table
from ingest import METRIC_BY_NAME

from .measures import SECOND_NS

LAYOUT = 1
"""Version of the state in snapshots; a change of its fields or of their meaning raises it."""

FAR = 2**63 - 1
GAP_NS, EMPTY_NS = 120 * SECOND_NS, 1_800 * SECOND_NS
"""Time without a reading after which the flow is unknown, and without a passage after which nobody is left."""

COUNTED, PRESENT, CAME, LEFT = (
    METRIC_BY_NAME[name].code for name in ("object_count", "object_present", "people_in", "people_out")
)


@dataclass(slots=True)
class Track:
    """Persons and net flow of one sensor: Kalman filter, balance of passages, state of the detection."""

    time_ns: int
    number: float
    flow: float = 0.0
    number_var: float = 4.0
    both: float = 0.0
    flow_var: float = 4.0
    inside: float = 0.0
    passed_ns: int = 0
    step: int = 0
    since_ns: int = 0
    alive_ns: int = 0
    below_ns: int = 0
    promised_low_ns: int = 0
    promised_high_ns: int = 0
    held: int = 0
    of: int = 0

    def observe(self, time_ns: int, count: float, *, error: float, surge: float) -> None:
        """Update number and flow by a count."""
        span_s = (time_ns - self.time_ns) / SECOND_NS
        if time_ns - self.time_ns > GAP_NS:
            self.number, self.flow, span_s = count, 0.0, 0.0
            self.number_var, self.both, self.flow_var = 4.0 + (error * count) ** 2, 0.0, 4.0
        self.time_ns = time_ns
        self.number += self.flow * span_s
        self.number_var += span_s * (2 * self.both + span_s * self.flow_var) + surge**2 * span_s**3 / 3
        self.both += span_s * self.flow_var + surge**2 * span_s**2 / 2
        self.flow_var += surge**2 * span_s
        noise = self.number_var + 1.0 + (error * max(self.number, count, 1.0)) ** 2
        gain, turn, miss = self.number_var / noise, self.both / noise, count - self.number
        self.number, self.flow = max(0.0, self.number + gain * miss), self.flow + turn * miss
        self.flow_var -= turn * self.both
        self.number_var, self.both = self.number_var * (1 - gain), self.both * (1 - gain)

    def balance(self, time_ns: int, change: float) -> float:
        """Return the persons inside after a passage; nobody is left after half an hour without one."""
        if time_ns - self.passed_ns > EMPTY_NS:
            self.inside = 0.0
        self.passed_ns = time_ns
        self.inside = max(0.0, self.inside + change)
        return self.inside

    def reaches(self, number: float, share: float) -> tuple[int, int, int] | None:
        """Return the earliest, likely and latest time in ns at which the number is reached; None if it may never be."""
        wide = NormalDist().inv_cdf(0.5 + share / 2) * self.flow_var**0.5
        if number <= self.number or self.flow - wide <= 0:
            return None
        low, likely, high = ((number - self.number) / flow for flow in (self.flow + wide, self.flow, self.flow - wide))
        return tuple(self.time_ns + min(int(s * SECOND_NS), FAR // 4) for s in (low, likely, high))  # type: ignore[return-value]


class Outlook(NamedTuple):
    """Density at a reading, and the earliest, likely and latest time in ns of the last limit."""

    density: float
    ahead: tuple[int, int, int] | None = None


class CrowdDetector:
    """Detector of crowds. A crowd without readings for hold_s has ended, on the clock of all rows."""

    def __init__(self, rule: Crowd, table: Table, outputs: Outputs) -> None:
        self.rule, self._table, self._outputs = rule, table, outputs
        self.beside: tuple[str, ...] = ()
        self.timed, self.due_ns = True, FAR
        self._tracks: dict[int, Track] = {}
        self._areas: list[float] = []
        self._seen_version = 0

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:
        """Return the detections of the counts and of the clock."""
        found: list[RuleDetection] = []
        if part is not None:
            self.sync(view.fleet)
            areas = np.array(self._areas)[part.states // TIMELINES]
            for at in np.flatnonzero((areas > 0) & ~part.older).tolist():
                row, state = int(part.rows[at]), int(part.states[at])
                found += self._expire(view, int(view.clock[row]))
                found += self._observe(view, row, state, float(areas[at]))
        return found + self._expire(view, view.clock_ns)

    def sync(self, fleet: Fleet) -> None:
        """Look up the areas of new series, and of those with a changed sensor; 0: not scored."""
        codes = self._table.codes
        if len(self._areas) == len(codes) and self._seen_version == fleet.version:
            return
        self._areas, self._seen_version = [self._area(fleet, code) for code in codes], fleet.version

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (LAYOUT, self.rule)

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        return {"due": self.due_ns, "tracks": [[state, *astuple(one)] for state, one in sorted(self._tracks.items())]}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        self.due_ns = state["due"]
        self._tracks = {key: Track(*values) for key, *values in state["tracks"]}

    def _area(self, fleet: Fleet, code: int) -> float:
        sensor = fleet[code]
        return sensor.area_m2 or (self.rule.area_m2 if applies(self.rule, sensor) else 0.0)

    def _count(self, view: BatchView, row: int, track: Track) -> float | None:
        """Return the persons by a reading; None for other objects."""
        metric, value, time_ns = int(view.batch.metric[row]), float(view.batch.value[row]), int(view.batch.time_ns[row])
        if metric in (CAME, LEFT):
            return track.balance(time_ns, value if metric == CAME else -value)
        dims = view.batch.attributes.get(row, {})
        if dims.get("label", self.rule.labels[0]) not in self.rule.labels:
            return None
        if metric == COUNTED:
            return value
        try:
            return max(0.0, float(dims["count"]))
        except (KeyError, TypeError, ValueError):
            return None

    def _observe(self, view: BatchView, row: int, state: int, area: float) -> list[RuleDetection]:
        rule, time_ns = self.rule, int(view.batch.time_ns[row])
        track = self._tracks.get(state)
        if track is None:
            track = self._tracks[state] = Track(time_ns - 2 * GAP_NS, 0.0)
        count = self._count(view, row, track)
        if count is None or not np.isfinite(count):
            return []
        track.alive_ns = int(view.clock[row])
        track.observe(time_ns, count, error=rule.error, surge=rule.surge)
        density, ahead = track.number / area, track.reaches(rule.limits[-1] * area, rule.share)
        self._write(view, row, state, ahead)
        low = rule.limits[0] - rule.hysteresis
        track.below_ns = 0 if density >= low else track.below_ns or time_ns
        step = sum(density >= limit for limit in rule.limits)
        if ahead and step < 2:  # noqa: PLR2004 - not yet a page
            left_ns = ahead[2] - time_ns
            step = max(step, int(density >= rule.limits[0] * rule.early_share and left_ns <= rule.ahead_s * SECOND_NS))
            step = max(step, 2 * int(density >= rule.limits[0] and left_ns <= rule.page_s * SECOND_NS))
        if track.step and track.below_ns and time_ns - track.below_ns >= rule.clear_s * SECOND_NS:
            return [self._clear(row, state, track)]
        if track.step:
            self.due_ns = min(self.due_ns, track.alive_ns + int(rule.hold_s * SECOND_NS))
        if step <= track.step:
            return []
        phase = Phase.CHANGE if track.step else Phase.RAISE
        self._raise(track, min(step, len(rule.levels)), ahead)
        return [self._detection((row, state), track, phase, Outlook(density, ahead))]

    def _raise(self, track: Track, step: int, ahead: tuple[int, int, int] | None) -> None:
        """Set the level; remember the first interval of a crowd, and whether it held."""
        if not track.step:
            track.since_ns = track.time_ns
            track.promised_low_ns, track.promised_high_ns = (ahead[0], ahead[2]) if ahead else (0, 0)
            self.due_ns = min(self.due_ns, track.alive_ns + int(self.rule.hold_s * SECOND_NS))
        if step == len(self.rule.limits) and track.promised_high_ns:
            track.of += 1
            track.held += track.promised_low_ns <= track.time_ns <= track.promised_high_ns
            track.promised_high_ns = 0
        track.step = step

    def _clear(self, row: int, state: int, track: Track) -> RuleDetection:
        track.of += track.promised_high_ns > 0  # the limit was not reached
        density = track.number / max(self._areas[state // TIMELINES], 1e-9)
        found = self._detection((row, state), track, Phase.CLEAR, Outlook(density))
        track.step = track.below_ns = track.promised_high_ns = 0
        return found

    def _expire(self, view: BatchView, now_ns: int) -> list[RuleDetection]:
        """Return the ends of the crowds without readings, each at the first row whose clock reaches its end."""
        if now_ns < self.due_ns:
            return []
        self.sync(view.fleet)  # after a restore a crowd may end before its first reading
        hold_ns, found = int(self.rule.hold_s * SECOND_NS), []
        active = sorted((one.alive_ns + hold_ns, state) for state, one in self._tracks.items() if one.step)
        for due_ns, state in active:
            if due_ns <= now_ns:
                row = int(np.searchsorted(view.clock, due_ns))
                found.append(self._clear(row, state, self._tracks[state]))
        self.due_ns = min((due_ns for due_ns, state in active if self._tracks[state].step), default=FAR)
        return found

    def _write(self, view: BatchView, row: int, state: int, ahead: tuple[int, int, int] | None) -> None:
        if self._outputs.forecasts is not None and ahead and state % TIMELINES == LIVE:
            sensor, metric = int(view.batch.sensor[row]), int(view.batch.metric[row])
            issued_ns, limit = int(view.batch.time_ns[row]), self.rule.limits[-1]
            self._outputs.forecasts.append(
                LimitForecast(sensor, metric, issued_ns, limit, ahead[0], ahead[2], self.rule.share, ahead[1])
            )

    def _detection(self, where: tuple[int, int], track: Track, phase: Phase, seen: Outlook) -> RuleDetection:
        (row, state), (density, ahead) = where, seen
        rule, last_ns = self.rule, max(track.time_ns, track.since_ns)
        facts: dict[str, Any] = {}
        if ahead:
            facts["forecast"] = {
                "limit": rule.limits[-1], "issued_ns": track.time_ns, "low_ns": ahead[0], "at_ns": ahead[1],
                "high_ns": ahead[2], "share": rule.share, "held": track.held, "of": track.of,
            }  # fmt: skip
        low = rule.limits[0] - rule.hysteresis
        return RuleDetection(
            row, self._table.codes[state // TIMELINES], self._table.metric_codes[0], state % TIMELINES, phase,
            rule.levels[track.step - 1], track.since_ns, last_ns, rule, "crowd", value=round(density, 2),
            limit=rule.limits[track.step - 1], clear_limit=low, clear_s=rule.clear_s, facts=facts,
            text=_text(seen, track, rule, over=phase is Phase.CLEAR),
            clears=(
                f"密度低于每平方米 {low:g} 人并保持 {rule.clear_s:g} 秒后解除",
                f"Clears when the density stays below {low:g} persons/m² for {rule.clear_s:g} s",
            ),
        )  # fmt: skip


def _text(seen: Outlook, track: Track, rule: Crowd, *, over: bool) -> tuple[str, str]:
    """Return the sentence of a detection, or of its end."""
    density, ahead = seen
    if over:
        return f"人群已散开（每平方米 {density:.1f} 人）", f"Crowd has dispersed ({density:.1f} persons/m²)"
    zh, en = f"人员拥挤：每平方米 {density:.1f} 人", f"Crowd of {density:.1f} persons/m²"
    if ahead is None:
        return zh, en
    low, likely, high = ((moment - track.time_ns) / SECOND_NS for moment in ahead)
    percent, limit = round(100 * rule.share), rule.limits[-1]
    return (
        f"{zh}；预计 {likely:.0f} 秒后达到 {limit:g} 人（{percent} %：{low:.0f} 至 {high:.0f} 秒）",
        f"{en}; reaches {limit:g} in {likely:.0f} s ({percent} %: {low:.0f} to {high:.0f} s)",
    )
