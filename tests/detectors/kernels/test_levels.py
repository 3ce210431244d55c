"""Kernel of rising levels, compared with a plain implementation that keeps every state."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.kernels.emission import LIVE, TIMELINES, empty
from detectors.kernels.levels import rising, update_levels
from detectors.recipes.kinds import STEPS
from detectors.series.active_states import ActiveStates

SLOTS = 3
LIMIT, LOW = (1.0, 2.0, 3.0), (0.5, 1.5, 2.5)
AFTER_NS, COUNTS, CLEAR_NS = (0, 10, 20), (1, 2, 2), 15
Row = tuple[int, int, bool, float]  # state, seconds since the row before, out of order, measure
Emitted = tuple[int, int, int, int, int, int]
rows_of = st.lists(
    st.tuples(
        st.integers(0, SLOTS * TIMELINES - 1), st.sampled_from([0, 1, 6, 11, 30]),
        st.integers(0, 4).map(lambda n: n == 0),
        st.sampled_from([0.0, 0.4, 0.7, 1.0, 1.6, 2.0, 2.7, 3.0, float("nan"), float("-inf")]),
    ),
    max_size=80,
)  # fmt: skip


@dataclass
class Level:
    """One level of one state; None: no time."""

    active: bool = False
    since: int | None = None
    newest: int | None = None
    below: int | None = None
    seen: int = 0

    def update(self, step: int, time: int, value: float, *, older: bool, settles: bool) -> None:
        """Apply one reading."""
        if self.active:
            if older:
                return
            if value > LOW[step]:
                self.below = None
                return
            self.below = time if self.below is None else self.below
            if time - self.below >= CLEAR_NS:
                self.active, self.since, self.below = False, None, None
        elif value >= LIMIT[step] and not settles:
            if not older:
                self.since = None if self.below is not None and self.below < time else self.since
                self.below = None
            if self.since is None or self.newest is None:
                self.since = self.newest = time
                self.seen = 0
            self.since, self.newest, self.seen = min(self.since, time), max(self.newest, time), self.seen + 1
            self.active = self.seen >= COUNTS[step] and self.newest - self.since >= AFTER_NS[step]
            self.below = None if self.active else self.below
        elif not older:
            self.interrupt(time)

    def interrupt(self, time: int) -> None:
        """Apply a low value to a pending level: the next later value ends it; a high one of this time counts."""
        if self.since is None or self.newest == time:
            return
        if self.below is None:
            self.below = time
        elif self.below < time:
            self.since = self.below = None


@dataclass
class State:
    """All levels of one state, and the start of its open detection."""

    levels: list[Level] = field(default_factory=lambda: [Level() for _ in range(STEPS)])
    first: int = 0

    @property
    def top(self) -> int:
        """1 + the highest active level, 0 without any."""
        return max((step + 1 for step, level in enumerate(self.levels) if level.active), default=0)


def reference(rows: list[Row]) -> list[Emitted]:
    """Return the entries that a plain loop emits."""
    states = [State() for _ in range(SLOTS * TIMELINES)]
    found: list[Emitted] = []
    time = 0
    for number, (home, later, older, value) in enumerate(rows):
        time += later
        if np.isnan(value):
            continue
        for timeline in range(TIMELINES if home % TIMELINES == LIVE else 1):
            state = states[home + timeline]
            before = state.top
            for step, level in enumerate(state.levels):
                level.update(step, time, value, older=older, settles=timeline > 0)
            if state.top != before:
                if before == 0:
                    state.first = state.levels[state.top - 1].since or 0
                phase = 0 if before == 0 else 2 if state.top == 0 else 1
                last = max(time, state.levels[0].newest if state.levels[0].newest is not None else time)
                found.append((number, home + timeline, phase, max(state.top, 1) - 1, state.first, last))
            if all(level.since is None for level in state.levels):
                states[home + timeline] = State()
    return found


def run(rows: list[Row], active: ActiveStates, first: int, time: int) -> tuple[list[Emitted], int]:
    """Return the entries of the kernel for some rows, numbered from `first`, and the time of the last row."""
    times = time + np.cumsum([row[1] for row in rows]).astype(np.int64)
    states, older = np.array([row[0] for row in rows], np.int64), np.array([row[2] for row in rows], np.bool_)
    x, ladder = np.array([row[3] for row in rows], np.float64), np.zeros(SLOTS, np.int32)
    limit, low = np.array([LIMIT]), np.array([LOW])
    active.reserve(SLOTS * TIMELINES, rising(states, x, ladder, limit))
    found, _, count = update_levels(  # type: ignore[call-arg] # the dispatcher is typed as one without a star
        np.arange(len(rows)), states, older, times, x, ladder, limit, low, np.array(AFTER_NS), np.array(COUNTS),
        CLEAR_NS, *active.arrays(), *empty(),
    )  # fmt: skip
    lines = found[:count].tolist()
    return [(line[0] + first, *line[1:]) for line in lines], int(times[-1]) if rows else time


@settings(deadline=None)
@given(rows_of, st.integers(0, 80))
def test_entries_equal_those_of_a_plain_loop(rows: list[Row], cut: int) -> None:
    """Sparse states, growth, release and a restore between two batches do not change the entries."""
    active = ActiveStates()
    before, time = run(rows[:cut], active, 0, 0)
    restored = ActiveStates()
    restored.load(active.dump(SLOTS * TIMELINES))
    after, _ = run(rows[cut:], restored, min(cut, len(rows)), time)
    assert before + after == reference(rows)
