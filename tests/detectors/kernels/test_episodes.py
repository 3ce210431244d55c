"""Kernel of lasting states, compared with a plain loop that checks every state at every row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.kernels.emission import LATE, LIVE, NONE, TIMELINES, empty
from detectors.kernels.episodes import CANCEL, DELAYED_NS, FAR, KEEP, OFF, ON, ON_NOW, TIMES, update_episodes

SECOND_NS = 1_000_000_000
SLOTS = 2
Row = tuple[int, int, bool, int, int]  # state or -1, signal, out of order, seconds since the row before, delay s
rows_of = st.lists(
    st.tuples(
        st.integers(-1, SLOTS * TIMELINES - 1), st.sampled_from([KEEP, ON, ON, OFF, ON_NOW, CANCEL]),
        st.integers(0, 4).map(lambda n: n == 0), st.sampled_from([0, 1, 2, 5, 40]), st.sampled_from([0, 0, 1, 30]),
    ),
    max_size=60,
)  # fmt: skip


@dataclass
class Ladder:
    """Settings of a rule, ns."""

    after: tuple[int, ...]
    clear: int
    hold: int


@dataclass
class Episode:
    """A lasting state: start, base of its durations, last confirmation, end (None: none), newest event, level."""

    start: int
    timer: int
    confirmed: int
    end: int | None
    newest: int
    step: int = 0

    def due(self, ladder: Ladder) -> int:
        """Return the next time at which the clock changes the state."""
        if self.end is not None:
            return self.end + ladder.clear
        rung = self.timer + ladder.after[self.step] if self.step < len(ladder.after) else FAR
        return min(rung, self.confirmed + ladder.hold if ladder.hold else FAR)


class Reference:
    """Plain implementation over a dictionary of open episodes."""

    def __init__(self, ladder: Ladder) -> None:
        self.ladder = ladder
        self.open: dict[int, Episode] = {}
        self.found: list[tuple[int, int, int, int, int, int]] = []

    def advance(self, row: int, state: int, now: int) -> None:
        """Raise and clear one state up to `now`."""
        while (episode := self.open.get(state)) and episode.due(self.ladder) <= now:
            held = self.ladder.hold and episode.confirmed + self.ladder.hold <= now
            if episode.end is not None or held:
                del self.open[state]
                if episode.step:
                    last = max(episode.newest, episode.start)
                    self.found.append((row, state, 2, episode.step - 1, episode.start, last))
                continue
            reached = max(episode.newest, episode.start + self.ladder.after[episode.step])
            self.found.append((row, state, 1 if episode.step else 0, episode.step, episode.start, reached))
            episode.step += 1

    def apply(self, state: int, signal: int, time: int, clock: int) -> None:
        """Apply one signal to one state."""
        counted = clock if state % TIMELINES == LATE or clock - time > DELAYED_NS else time
        episode = self.open.get(state)
        if signal in (ON, ON_NOW):
            if episode is None:
                episode = self.open[state] = Episode(time, counted, counted, None, time)
            episode.confirmed, episode.end = counted, None
            if signal == ON_NOW and episode.step == 0:
                episode.timer = min(episode.timer, counted - self.ladder.after[0])
        elif episode is not None and episode.step == 0:
            del self.open[state]
            return
        elif episode is not None and signal == OFF and episode.end is None:
            episode.end = counted
        if episode is not None:
            episode.newest = max(episode.newest, time)

    def update(self, row: int, home: int, signal: int, *, older: bool, time: int, clock: int) -> None:
        """Process one row."""
        for state in sorted(self.open):
            self.advance(row, state, clock)
        if home < 0 or signal == KEEP or (older and signal not in (ON, ON_NOW)):
            return
        for state in range(home, home + (TIMELINES if home % TIMELINES == LIVE and signal == OFF else 1)):
            if signal in (ON, ON_NOW) or state in self.open:
                now = clock if state % TIMELINES == LATE else time
                self.advance(row, state, now)
                self.apply(state, signal, time, clock)
                self.advance(row, state, now)


@settings(deadline=None)
@given(rows_of, st.sampled_from([(0,), (2, 20), (0, 5, 30)]), st.sampled_from([0, 3]), st.sampled_from([0, 25]))
def test_entries_equal_those_of_a_plain_loop(
    rows: list[Row], after_s: tuple[int, ...], clear_s: int, hold_s: int
) -> None:
    """The lower bound of the next due time never skips a state."""
    ladder = Ladder(tuple(s * SECOND_NS for s in after_s), clear_s * SECOND_NS, hold_s * SECOND_NS)
    arrivals = np.cumsum([row[3] for row in rows]).astype(np.int64) * SECOND_NS
    times = arrivals - np.array([row[4] for row in rows], np.int64) * SECOND_NS
    clock = np.maximum.accumulate(times) if rows else times
    moment = np.full((SLOTS * TIMELINES, TIMES), NONE, np.int64)
    found, _, count = update_episodes(
        np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.int8),
        np.array([row[2] for row in rows], np.bool_), times, clock, np.array(ladder.after, np.int64), ladder.clear,
        ladder.hold, np.array([FAR], np.int64), moment, np.zeros(SLOTS * TIMELINES, np.int64), *empty(),
    )  # fmt: skip
    plain = Reference(ladder)
    for number, (home, signal, older, _, _) in enumerate(rows):
        plain.update(number, home, signal, older=older, time=int(times[number]), clock=int(clock[number]))
    assert [tuple(line) for line in found[:count].tolist()] == plain.found
