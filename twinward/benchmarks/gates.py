"""Simulated gates with cards: tailgating, forced, held and after-hours openings.

Doors of different use over weeks: each passage is a grant, an opening, a broken beam and a closing, with jitter of the
messages. Ordinary are a child with its parent (1 %), unused grants (2 %), slow people and bouncing contacts. Each gate
and week has one event of each kind, at most one a day. Baseline: two passages in one opening are tailgating, an opening
without a grant in the 5 s before is forced, held after 30 s, after-hours from 22:30 to 6:00 and at weekends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .goals import Goal, Measured, binomial_error
from .recordings import Found, Row, detections

SEED, GATES, WEEKS = 11, 60, 3
DAY_S, HOUR_S = 86_400.0, 3_600.0
START_S = 1_793_548_800.0
"""A Monday, midnight in China."""
HAZARDS = ("tailgating", "gate_forced", "gate_held_open", "after_hours_entry")
GRACE_S = 900.0
BY_DAY, UNUSED, TOGETHER, SLOW, BOUNCES = 0.5, 0.02, 0.01, 0.01, 0.05
"""Shares: of forced openings by day, unused grants, pairs on one grant, slow people, bouncing contacts."""
RECALL = Goal("gates, worst recall of tailgating, forced, held, after-hours", "%", 97, 99, 99.9, group="gates")
FALSE = Goal("gates, false findings a gate-week", "", 0.01, 0.01, 0.01, larger=False, group="gates")


class Event(NamedTuple):
    """One labelled event. hazards: also findings of these kinds belong to it."""

    sensor: str
    hazard: str
    begin_s: float
    end_s: float


class Recording(NamedTuple):
    """Readings of all gates, and their events."""

    rows: list[Row]
    events: list[Event]


def measure() -> Iterator[Measured]:
    """Yield the worst recall of the four kinds, and the false findings a gate-week."""
    made = simulated()
    ours = detections(made.rows)
    (recall, false), (other, others) = (score(found, made.events) for found in (ours, _simple(made.rows)))
    cases = len(made.events) // len(HAZARDS)
    yield Measured("gates", RECALL, recall, other, cases, binomial_error(recall, cases))
    yield Measured("gates", FALSE, false, others, GATES * WEEKS)


def score(found: Mapping[str, Sequence[Found]], events: Sequence[Event]) -> tuple[float, float]:
    """Return the worst share of events found, in per cent, and the false findings a gate-week."""
    shares = []
    for hazard in HAZARDS:
        wanted = [event for event in events if event.hazard == hazard]
        hits = [
            any(_within(one, event) and one.hazard == hazard for one in found.get(event.sensor, ())) for event in wanted
        ]
        shares.append(100 * sum(hits) / len(hits))
    false = sum(
        one.hazard in HAZARDS and not any(event.sensor == sensor and _within(one, event) for event in events)
        for sensor, items in found.items()
        for one in items
    )
    return min(shares), false / (GATES * WEEKS)


def _within(one: Found, event: Event) -> bool:
    return event.begin_s - 5 <= one.time_s <= event.end_s + GRACE_S


def simulated() -> Recording:
    """Return the readings and events of all gates."""
    made = Recording([], [])
    for number in range(GATES):
        random, sensor = np.random.default_rng((SEED, number)), f"gate-{number}"
        a_day = float(np.exp(random.uniform(np.log(20), np.log(250))))
        for week in range(WEEKS):
            kinds = dict(zip(random.permutation(5)[:4].tolist(), HAZARDS, strict=True))
            for day in range(5):
                midnight_s = START_S + (7 * week + day) * DAY_S
                _day(made, random, sensor, midnight_s, (a_day, kinds.get(day, "")))
    return made


def _day(made: Recording, random: np.random.Generator, sensor: str, midnight_s: float, use: tuple[float, str]) -> None:
    a_day, kind = use
    begin_s = midnight_s + HOUR_S * float(random.uniform(8, 16))
    end_s = begin_s
    if kind == "tailgating":
        end_s = _tailgating(made, random, sensor, begin_s)
    elif kind == "after_hours_entry":
        begin_s = midnight_s + HOUR_S * float(random.uniform(0, 5))
        end_s = _passage(made, random, sensor, begin_s)
    elif kind:
        held = kind == "gate_held_open"
        begin_s = begin_s if held or random.random() < BY_DAY else midnight_s + HOUR_S * float(random.uniform(0, 5))
        open_s = float(random.uniform(45, 900)) if held else float(random.uniform(3, 25))
        end_s = _passage(made, random, sensor, begin_s, granted=held, open_s=open_s)
    if kind:
        made.events.append(Event(sensor, kind, begin_s, end_s))
    rush, rest = random.poisson(a_day * 0.6), random.poisson(a_day * 0.4)
    hours = np.concatenate([random.normal(7.6, 0.25, rush), random.uniform(7, 20, rest)])
    free_s = 0.0
    for moment_s in np.sort(midnight_s + HOUR_S * np.clip(hours, 6.2, 21)).tolist():
        at_s = max(moment_s, free_s)
        if not begin_s - 60 < at_s < end_s + 60:
            free_s = _passage(made, random, sensor, at_s, ordinary=True) + 0.5


def _tailgating(made: Recording, random: np.random.Generator, sensor: str, begin_s: float) -> float:
    """Add tailgating of 10 to 40 min; return its end."""
    at_s, end_s = begin_s, begin_s + 60 * float(random.uniform(10, 40))
    pause_s, follow = 60 / float(random.uniform(2, 5)), float(random.uniform(0.4, 0.8))
    while at_s < end_s:
        people = 1 + int(random.random() < follow)
        at_s = max(_passage(made, random, sensor, at_s, people=people), at_s + float(random.exponential(pause_s)))
    return at_s


def _passage(
    made: Recording,
    random: np.random.Generator,
    sensor: str,
    at_s: float,
    *,
    granted: bool = True,
    people: int = 1,
    open_s: float = 0.0,
    ordinary: bool = False,
) -> float:
    """Add the readings of one opening; return its end."""
    jitter = random.uniform(0, 0.4, 4)
    opened_s = at_s + 0.6 + float(random.exponential(0.5))
    shut_s = opened_s + (open_s or float(random.uniform(2.5, 8)))
    readings = [("access_granted", at_s + jitter[0], 1.0)] if granted else []
    if ordinary:
        if random.random() < UNUSED:
            made.rows.append(Row(sensor, "gate", *readings[0]))
            return at_s + 2
        people = 1 + int(random.random() < TOGETHER)
        shut_s += float(random.uniform(5, 15)) * (random.random() < SLOW)
    readings += [("open", opened_s + jitter[1], 1.0), ("open", shut_s + jitter[3], 0.0)]
    if random.random() < BOUNCES:  # the contact bounces
        readings += [("open", shut_s + jitter[3] + 0.05, 1.0), ("open", shut_s + jitter[3] + 0.1, 0.0)]
    passed_s = opened_s + 1.0 + jitter[2]
    for _ in range(people):
        readings.append(("people_in", passed_s, 1.0))
        passed_s += float(random.uniform(0.3, 1.0))
    made.rows.extend(Row(sensor, "gate", metric, float(moment_s), value) for metric, moment_s, value in readings)
    return shut_s + 0.6


def _simple(rows: Sequence[Row]) -> dict[str, list[Found]]:
    """Return the findings of the baseline."""
    found: dict[str, list[Found]] = {}
    state: dict[str, list[float]] = {}  # last grant, opening, passages since
    for row in sorted(rows, key=lambda one: one.time_s):
        gate = state.setdefault(row.sensor, [-1e12, 0.0, 0.0])
        hits = found.setdefault(row.sensor, [])
        day, hour = divmod((row.time_s - START_S) / DAY_S, 1)
        if row.metric == "access_granted":
            gate[0] = row.time_s
        elif row.metric == "people_in":
            gate[2] += 1
            hits += [Found(row.time_s, "tailgating", 1)] if gate[2] == 2 else []  # noqa: PLR2004 - the second one
        elif row.value > 0:
            gate[1:] = [row.time_s, 0.0]
            closed = not 6 / 24 <= hour < 22.5 / 24 or day % 7 >= 5  # noqa: PLR2004 - Saturday
            hits += [Found(row.time_s, "after_hours_entry", 1)] if closed else []
            hits += [Found(row.time_s, "gate_forced", 2)] if row.time_s - gate[0] > 5 else []  # noqa: PLR2004 - seconds
        elif row.time_s - gate[1] > 30:  # noqa: PLR2004 - seconds
            hits.append(Found(row.time_s, "gate_held_open", 1))
    return found
