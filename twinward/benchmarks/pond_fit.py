"""First interval ends of level forecasts, fitted on simulated storms and measured on others.

Prints `ends` of `detectors/recipes/street.toml`: quantiles of the log of actual over expected time to a limit, in
scales of the interval, for expected times up to 10, 20, 40, 80 min and beyond; low ends, then high ends. Then the
coverage of the shipped ends on storms with other seeds, and on ponds under uneven rain (one to four spells, two to four
reservoirs), which the cascade does not assume; and the lead times before each limit. Each pond is the first of its
installation: nothing has adapted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from detectors import Calendar, Phase, Recipe, build
from detectors.forecast.rise_models import load_rise_models
from detectors.kernels.rises import BINS, bin_of
from detectors.outputs import LimitForecast, Outputs
from ingest import Catalog
from simulators import build_campus, load_scenario, plan
from simulators.models.storms import Storm
from simulators.models.water import POND_M

from .quiet import SECOND_NS, START_NS, batches, level_forecast

Values = NDArray[np.float64]
SEED, PONDS, HOURS, STEP_S = 31, 100, 24, 60
FITTED, HELD_OUT = range(101, 201), range(1, 41)
"""Seeds of storms."""
UNEVEN_LIMITS_M, LOW_M, NOISE_M = (1.5, 1.7), 1.2, 0.003
SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Course:
    """Readings of a gauge, one a minute, NaN for a lost one; true levels at their times (m); limits."""

    readings: Values
    levels: Values
    limits: tuple[float, ...]

    def reached_s(self, limit: float) -> float | None:
        """Return the time at which the level reaches the limit; None for never."""
        over = np.flatnonzero(self.levels >= limit)
        if not len(over):
            return None
        last = int(over[0])
        below, above = self.levels[last - 1 : last + 1]
        return float(STEP_S * (last - (above - limit) / (above - below)))


def storm(seed: int) -> Iterator[Course]:
    """Yield the gauges of the bank's storm."""
    campus = build_campus(seed=seed)
    campus = replace(campus, drawn=tuple(device for device in campus.drawn if device.zone_key == "water"))
    world = plan(load_scenario("S18"), campus)
    rise = next(effect for effect in world.effects if isinstance(effect, Storm))
    for part in world.frames(world.span_ms):
        for device in np.unique(part.device) if part.metrics == ("level",) else ():
            rows = part.device == device
            levels = POND_M + rise.rise((part.time_ms[rows] - rise.span_ms[0]) / 1000)
            yield Course(part.values[rows, 0], levels, world.fleet.devices[int(device)].limits["level"])


def uneven(seed: int) -> Iterator[Course]:
    """Yield a pond that is dry for an hour; then one to four spells of rain."""
    draw, size = np.random.default_rng((SEED, seed)), HOURS * 60
    rain, at = np.zeros(size), 60
    for _ in range(int(draw.integers(1, 5))):
        lasts = int(draw.uniform(20, 120))
        rain[at : at + lasts] += draw.gamma(2.0)
        at += lasts + int(draw.exponential(30))
    flow, share = rain, STEP_S / draw.uniform(1_800, 5_400)
    for _ in range(int(draw.integers(2, 5))):
        flow = _outflow(flow, share)
    level = LOW_M + draw.uniform(0.4, 1.2) * flow / flow.max()
    yield Course(level + draw.normal(0, NOISE_M, size), level, UNEVEN_LIMITS_M)


def forecasts(courses: Iterable[Course]) -> Iterator[tuple[float, float, float, float]]:
    """Yield low end, most probable and actual time, and high end (s) of each forecast of a limit that is reached later.

    A detector has one limit, so that nothing adapts before the rise ends.
    """
    for course in courses:
        for limit in course.limits:
            reached_s = course.reached_s(limit)
            if reached_s is None:
                continue
            catalog, outputs = Catalog(), Outputs(forecasts=[])
            rule = replace(level_forecast(), limits=(limit,))
            detector = build(Recipe("ponds", (rule,)), catalog, Calendar(), outputs)
            for part in batches(course.readings[:, None], catalog, metric="level", kind="water", step_s=STEP_S):
                detector.update(part.select(~np.isnan(part.value)))
            for one in outputs.forecasts or ():
                actual_s = reached_s - (one.issued_ns - START_NS) / SECOND_NS if isinstance(one, LimitForecast) else 0
                if isinstance(one, LimitForecast) and actual_s > 0:
                    low_s, at_s, high_s = (
                        (end - one.issued_ns) / SECOND_NS for end in (one.low_ns, one.at_ns, one.high_ns)
                    )
                    yield low_s, at_s, actual_s, high_s


def leads(courses: Iterable[Course]) -> list[list[float]]:
    """Return for each limit the seconds from the first forecast of it, or of a higher one, to its crossing."""
    found: list[list[float]] = []
    for course in courses:
        catalog = Catalog()
        detector = build(Recipe("ponds", (replace(level_forecast(), limits=course.limits),)), catalog, Calendar())
        first_s: dict[float, float] = {}
        for part in batches(course.readings[:, None], catalog, metric="level", kind="water", step_s=STEP_S):
            batch = detector.update(part.select(~np.isnan(part.value)))
            for row in np.flatnonzero(batch.phase != Phase.CLEAR).tolist():
                limit = float(batch.evidence[row]["limit"])
                first_s.setdefault(limit, (int(batch.decided_ns[row]) - START_NS) / SECOND_NS)
        for k, limit in enumerate(course.limits):
            reached_s = course.reached_s(limit)
            warned = [at_s for one, at_s in first_s.items() if one >= limit]
            found += [[] for _ in range(k + 1 - len(found))]
            if reached_s is not None:
                found[k].append(max(0.0, reached_s - min(warned, default=reached_s)))
    return found


def fitted(found: Values, ends: Sequence[float]) -> list[float]:
    """Return the quantiles of the scores by bin, low ends first. ends: those of the intervals."""
    low_s, at_s, actual_s, high_s = found.T
    bins = np.array([bin_of(one) for one in at_s])
    width = np.array(ends[BINS:]) - ends[:BINS]
    scores = np.log(np.maximum(actual_s, 1) / np.maximum(at_s, 1)) * width[bins] / np.log(high_s / low_s)
    shares = ((1 - SHARE) / 2, (1 + SHARE) / 2)
    return [round(float(np.quantile(scores[bins == b], share)), 2) for share in shares for b in range(BINS)]


def coverage(found: Values) -> str:
    """Return the share of intervals that held, and the usual width."""
    low_s, _, actual_s, high_s = found.T
    held = (low_s <= actual_s) & (actual_s <= high_s)
    return f"{100 * held.mean():.1f} % of {len(held)}, log width {np.median(np.log(high_s / low_s)):.2f}"


def _outflow(inflow: Values, share: float) -> Values:
    outflow, state = np.empty(len(inflow)), 0.0
    for at, value in enumerate(inflow):
        state += share * (value - state)
        outflow[at] = state
    return outflow


def measured(make: Callable[[int], Iterator[Course]], seeds: Iterable[int]) -> Values:
    """Return the rows of `forecasts` over these seeds."""
    return np.array(list(forecasts(chain.from_iterable(map(make, seeds)))))


if __name__ == "__main__":
    write = sys.stdout.write
    write(f"ends = {fitted(measured(storm, FITTED), load_rise_models().ends)}\n")
    write(f"storms, other seeds: {coverage(measured(storm, HELD_OUT))}\n")
    write(f"uneven rain: {coverage(measured(uneven, range(PONDS)))}\n")
    for own in leads(chain.from_iterable(map(storm, HELD_OUT))):
        write(f"lead: median {np.median(own):.0f} s, p10 {np.quantile(own, 0.1):.0f} s, {len(own)} crossings\n")
