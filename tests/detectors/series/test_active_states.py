"""Sparse storage of rule states."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import StateError
from detectors.series.active_states import ActiveStates

SIZE = 12


def toggle(states: ActiveStates, state: int) -> None:
    """Activate an idle state with its index as start, or release it, as the kernels do."""
    states.reserve(SIZE, 1)
    place, free, left, _, since, *_ = states.arrays()
    if place[state] < 0:
        left[0] -= 1
        place[state] = free[left[0]]
        since[place[state], 0] = state
    else:
        since[place[state], 0] = np.iinfo(np.int64).min
        free[left[0]] = place[state]
        left[0] += 1
        place[state] = -1


def starts(states: ActiveStates) -> dict[int, int]:
    """Return the start of each active state."""
    place, _, _, _, since, *_ = states.arrays()
    return {state: int(since[place[state], 0]) for state in np.flatnonzero(place >= 0).tolist()}


@given(st.lists(st.integers(0, SIZE - 1), max_size=60))
def test_rows_belong_to_the_active_states_alone(toggles: list[int]) -> None:
    """Allocated and free rows are distinct and complete, before and after a restore."""
    states, active = ActiveStates(), set[int]()
    for state in toggles:
        toggle(states, state)
        active ^= {state}
    restored = ActiveStates()
    restored.load(states.dump(SIZE))
    for each in (states, restored):
        assert each.none == (not active)
        assert starts(each) == {state: state for state in active}
        place, free, left, flags, *_ = each.arrays()
        rows = [*place[place >= 0].tolist(), *free[: left[0]].tolist()]
        assert sorted(rows) == list(range(len(flags)))
    assert restored.dump(SIZE) == states.dump(SIZE)


def test_restored_states_accept_further_ones() -> None:
    """A state that becomes active after a restore takes a row of its own."""
    states, restored = ActiveStates(), ActiveStates()
    toggle(states, 3)
    restored.load(states.dump(SIZE))
    toggle(restored, 5)
    assert starts(restored) == {3: 3, 5: 5}


def test_active_state_outside_of_the_table_is_refused() -> None:
    """A dump with fewer states than its active ones raises StateError."""
    states = ActiveStates()
    toggle(states, 3)
    with pytest.raises(StateError, match="outside of the table"):
        ActiveStates().load(states.dump(SIZE) | {"size": 2})
