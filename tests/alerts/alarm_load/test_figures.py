"""Figures of alarm load: bounds and sums by property, floods and chatter by example."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alerts.alarm_load.annunciations import Annunciation
from alerts.alarm_load.figures import DAY_NS, SECOND_NS, alarm_load

MONTH_NS = 30 * DAY_NS
MINUTE_NS = 60 * SECOND_NS
times = st.lists(st.integers(0, MONTH_NS - 1), max_size=60).map(sorted)


def rows(at_ns: list[int], *, places: int = 4) -> list[Annunciation]:
    """Return one annunciation at each time, from a few places."""
    return [Annunciation(f"h{nth}", "s", "smoke", f"room-{nth % places}", "red", at) for nth, at in enumerate(at_ns)]


@given(times)
def test_counts_agree_and_shares_are_shares(at_ns: list[int]) -> None:
    """Buckets, grades and rules add up to the count; a share is between 0 and 1; the peak is one of a window."""
    load = alarm_load(rows(at_ns), since_ns=0, until_ns=MONTH_NS)
    assert sum(count for _, count in load.buckets) == load.count == len(at_ns)
    assert sum(load.by_grade.values()) == load.count
    assert sum(one.count for one in load.top) == load.count  # four places are fewer than ten
    assert load.flood_share is not None
    assert 0 <= load.flood_share <= 1
    windows = [sum(begin <= at < begin + 10 * MINUTE_NS for at in at_ns) for begin in at_ns]
    assert load.peak_10_min == max(windows, default=0)
    assert (load.floods > 0) == (load.peak_10_min > 10)


@given(times, st.floats(0, 29.9))
def test_less_than_thirty_days_give_counts_and_no_rate(at_ns: list[int], days: float) -> None:
    """A rate of a short record is refused, never extrapolated."""
    load = alarm_load(rows(at_ns), since_ns=0, until_ns=int(days * DAY_NS))
    assert (load.per_10_min, load.per_day, load.flood_share, load.top_ten_share) == (None, None, None, None)
    assert load.count == len(at_ns)


def test_flood_lasts_from_the_eleventh_alarm_until_fewer_than_five_remain() -> None:
    """Eleven alarms a second apart: the flood begins with the eleventh; below five remain after the seventh leaves."""
    load = alarm_load(rows([nth * SECOND_NS for nth in range(11)]), since_ns=0, until_ns=MONTH_NS)
    assert load.floods == 1
    assert load.flood_share is not None
    assert round(load.flood_share * 30 * 86_400) == 600 + 6 - 10


def test_chatter_counts_alarms_not_rules() -> None:
    """Three within a minute at one place are one chattering alarm; three in three places are none."""
    within = [0, 20 * SECOND_NS, 40 * SECOND_NS]
    assert alarm_load(rows(within, places=1), since_ns=0, until_ns=DAY_NS).chattering == 1
    assert alarm_load(rows(within, places=3), since_ns=0, until_ns=DAY_NS).chattering == 0
