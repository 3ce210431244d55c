"""Figures of alarm load (EEMUA 191, ISA-18.2, IEC 62682) from annunciations."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from .annunciations import Annunciation

SECOND_NS = 1_000_000_000
WINDOW_NS = 600 * SECOND_NS
DAY_NS = 86_400 * SECOND_NS
FLOOD_BEGINS, FLOOD_ENDS = 10, 5
"""A flood begins above 10 alarms in 10 min and ends below 5 (ISA-18.2, table 7)."""
CHATTER_NS, CHATTER_MIN = 60 * SECOND_NS, 3
RATE_DAYS_MIN = 30
"""Days of record that a rate needs; fewer days give counts alone."""
TOP = 10


@dataclass(frozen=True, slots=True)
class RuleLoad:
    """Alarms of one rule at one place. share: of all; taken_s, returned_s: medians, None without any."""

    rule: str
    place: str
    count: int
    share: float
    taken_s: float | None
    returned_s: float | None


@dataclass(frozen=True, slots=True)
class AlarmLoad:
    """Load of one site. days: of the record within the span; rates are None under RATE_DAYS_MIN days.

    buckets: (begin in ns, alarms) of each 10 min with an alarm; by_grade: colour -> alarms.
    """

    days: float
    count: int
    per_10_min: float | None
    per_day: float | None
    flood_share: float | None
    top_ten_share: float | None
    peak_10_min: int
    floods: int
    chattering: int
    buckets: tuple[tuple[int, int], ...]
    by_grade: dict[str, int]
    top: tuple[RuleLoad, ...]


def alarm_load(rows: Sequence[Annunciation], *, since_ns: int, until_ns: int) -> AlarmLoad:
    """Return the load of annunciations in order of time. since_ns: start of the record, at or after that of the span.

    >>> rows = [Annunciation("h", "s", "smoke", "room", "red", n * SECOND_NS) for n in (0, 20, 40)]
    >>> load = alarm_load(rows, since_ns=0, until_ns=DAY_NS)
    >>> load.count, load.per_10_min, load.chattering, load.peak_10_min
    (3, None, 1, 3)
    """
    days = max(0.0, (until_ns - since_ns) / DAY_NS)
    flood_ns, floods, peak = _floods([row.at_ns for row in rows])
    buckets = Counter(row.at_ns // WINDOW_NS * WINDOW_NS for row in rows)
    top = _top(rows)
    rated = days >= RATE_DAYS_MIN
    return AlarmLoad(
        days=days,
        count=len(rows),
        per_10_min=len(rows) / (days * DAY_NS / WINDOW_NS) if rated else None,
        per_day=len(rows) / days if rated else None,
        flood_share=flood_ns / (days * DAY_NS) if rated else None,
        top_ten_share=sum(one.share for one in top) if rated and rows else None,
        peak_10_min=peak,
        floods=floods,
        chattering=_chattering(rows),
        buckets=tuple(sorted(buckets.items())),
        by_grade=dict(Counter(row.grade for row in rows)),
        top=top,
    )


def _floods(times_ns: Sequence[int]) -> tuple[int, int, int]:
    """Return time in floods, number of floods, and the highest count within 10 min of a sliding window."""
    changes = sorted([(at, 1) for at in times_ns] + [(at + WINDOW_NS, -1) for at in times_ns])
    inside = peak = floods = total = begin = 0
    flooded = False
    for at, change in changes:
        inside += change
        peak = max(peak, inside)
        if not flooded and inside > FLOOD_BEGINS:
            flooded, begin, floods = True, at, floods + 1
        elif flooded and inside < FLOOD_ENDS:
            flooded, total = False, total + at - begin
    return total, floods, peak


def _chattering(rows: Sequence[Annunciation]) -> int:
    """Return the number of alarms (rule at a place) with three or more annunciations within 1 min."""
    times: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in rows:
        times[row.rule, row.place].append(row.at_ns)
    step = CHATTER_MIN - 1
    return sum(
        any(last - first <= CHATTER_NS for first, last in zip(found, found[step:], strict=False))
        for found in times.values()
    )


def _top(rows: Sequence[Annunciation]) -> tuple[RuleLoad, ...]:
    groups: dict[tuple[str, str], list[Annunciation]] = defaultdict(list)
    for row in rows:
        groups[row.rule, row.place].append(row)
    ranked = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))[:TOP]
    return tuple(
        RuleLoad(
            rule=rule,
            place=place,
            count=len(found),
            share=len(found) / len(rows),
            taken_s=_median([row.taken_ns - row.at_ns for row in found if row.taken_ns is not None]),
            returned_s=_median([row.returned_ns - row.at_ns for row in found if row.returned_ns is not None]),
        )
        for (rule, place), found in ranked
    )


def _median(spans_ns: Sequence[int]) -> float | None:
    return median(spans_ns) / SECOND_NS if spans_ns else None
