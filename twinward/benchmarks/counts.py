"""Dodgers loop counts: game days among ordinary ones.

Baseline: rolling sum above the median of its weekday slot.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from .drawings import Drawing, Example, picked
from .goals import Goal, Measured, binomial_error
from .recordings import Row, detections, seconds, table

HAZARD = "unusual_traffic"
SLOT_S, SUM_ROWS, LIMIT, MIN_ROWS = 300, 12, 5.0, 3
DAY_S, WEEK_S = 86_400, 604_800
RECALL = Goal("Dodgers, game days found", "%", 88, 93, 96, group="Dodgers")
FALSE_DAYS = Goal("Dodgers, false days a week", "", 0.2, 0.15, 0.1, larger=False, group="Dodgers")


def measure(folder: Path) -> Iterator[Measured | Drawing]:
    """Yield the share of game days with an alarm, and the false days a week."""
    rows = [(seconds(row["timestamp"]), float(row["value"])) for row in table(folder / "dodgers.csv.gz")]
    events = {int(seconds(row["start"]) // DAY_S) for row in table(folder / "windows.csv")}
    found = detections(Row("loop", "gate", "people_in", at_s, value) for at_s, value in rows if value >= 0)
    ours = {int(one.time_s // DAY_S) for one in found.get("loop", ()) if one.hazard == HAZARD}
    days = {int(at_s // DAY_S) for at_s, value in rows if value >= 0}
    figures = [_figures(flagged, events, days) for flagged in (ours, slot_days(rows))]
    error = binomial_error(figures[0][0], len(events))
    yield Measured("dodgers", RECALL, figures[0][0], figures[1][0], len(events), error)
    yield Measured("dodgers", FALSE_DAYS, figures[0][1], figures[1][1], len(days - events))
    alarms = [one.time_s for one in found.get("loop", ()) if one.hazard == HAZARD]
    yield picked("dodgers", "Dodgers loop counts with game days", list(_weeks(rows, events, alarms)))


def _weeks(rows: Sequence[tuple[float, float]], events: set[int], alarms: Sequence[float]) -> Iterator[Example]:
    """Yield the weeks with their game days and detections."""
    for week in sorted({int(at_s // WEEK_S) for at_s, _ in rows}):
        points = [(at_s, value) for at_s, value in rows if at_s // WEEK_S == week and value >= 0]
        days = [(day * DAY_S, (day + 1) * DAY_S) for day in sorted(events) if day * DAY_S // WEEK_S == week]
        if points:
            own = [at_s for at_s in alarms if at_s // WEEK_S == week]
            yield Example(f"week {week}", "cars in 5 min", points, [(float(a), float(b)) for a, b in days], own)


def slot_days(rows: Sequence[tuple[float, float]], *, slot_s: int = SLOT_S, sum_rows: int = SUM_ROWS) -> set[int]:
    """Return the days on which an hour's sum exceeds the median of its weekday slot by 5 of its past deviations."""
    past: dict[int, list[float]] = defaultdict(list)
    deviations: list[float] = []
    found: set[int] = set()
    recent: list[float] = []
    for at_s, value in rows:
        recent = [] if value < 0 else [*recent[-sum_rows + 1 :], value]
        if len(recent) < sum_rows:
            continue
        moment = datetime.fromtimestamp(at_s, UTC)
        slot = moment.weekday() * (DAY_S // slot_s) + int(at_s % DAY_S) // slot_s
        total, known = sum(recent), past[slot]
        if len(known) >= MIN_ROWS:
            error = total - float(np.median(known))
            if len(deviations) >= WEEK_S // slot_s and error > LIMIT * float(
                np.median(deviations[-WEEK_S // slot_s :])
            ):
                found.add(int(at_s // DAY_S))
            deviations.append(abs(error))
        known.append(total)
    return found


def _figures(flagged: set[int], events: set[int], days: set[int]) -> tuple[float, float]:
    return 100 * len(flagged & events) / len(events), len((flagged & days) - events) / (len(days) / 7)
