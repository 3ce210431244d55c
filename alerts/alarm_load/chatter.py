"""Chatter index of each rule and sensor from its findings.

The index is the mean of the inverse run lengths in 1/s: the run length is the time between two consecutive raises.
Three alarms in 60 s give 0.05 1/s or more (Kondaveeti et al., Chemical Engineering Research and Design 91, 2013).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import Connection, select

from alerts.database.schema import findings

SECOND_NS = 1_000_000_000
CHATTERING = 0.05
"""Index from which an alarm chatters: three alarms in 60 s."""
FINDINGS_MAX = 50_000
"""Newest findings of a site that one call reads."""
LISTED_MAX = 20


@dataclass(frozen=True, slots=True)
class Chatter:
    """Index of one rule at one sensor. count: raises in the span; index: 1/s, 0 below two raises."""

    rule: str
    sensor: str
    count: int
    index: float

    @property
    def chattering(self) -> bool:
        """Return whether the alarm chatters."""
        return self.index >= CHATTERING


def chatter(
    connection: Connection, *, site: str, since_ns: int, until_ns: int, sensor: str | None = None
) -> list[Chatter]:
    """Return the rules and sensors with two raises or more, the highest index first, without drills and late data."""
    own = findings.c
    query = select(own.rule, own.sensor, own.first_ns).where(
        own.site == site, ~own.drill, ~own.late, own.first_ns >= since_ns, own.first_ns < until_ns
    )
    if sensor is not None:
        query = query.where(own.sensor == sensor)
    raised = defaultdict[tuple[str, str], list[int]](list)
    for row in connection.execute(query.order_by(own.first_ns.desc()).limit(FINDINGS_MAX)):
        raised[row.rule, row.sensor].append(row.first_ns)
    found = [Chatter(rule, name, len(times), index_of(sorted(times))) for (rule, name), times in raised.items()]
    ranked = sorted((one for one in found if one.count > 1), key=lambda one: (-one.index, one.rule, one.sensor))
    return ranked[:LISTED_MAX]


def index_of(times_ns: Sequence[int]) -> float:
    """Return the chatter index of raises in order of time.

    >>> round(index_of([0, 20 * SECOND_NS, 40 * SECOND_NS]), 3), index_of([0])
    (0.05, 0.0)
    """
    runs = [max((after - before) / SECOND_NS, 1.0) for before, after in pairwise(times_ns)]
    return sum(1 / run for run in runs) / len(runs) if runs else 0.0
