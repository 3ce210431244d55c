"""State columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import StateError
from detectors.series.columns import Columns

SPEC = {"time": (np.int64, 1, -5), "flags": (np.bool_, 3, False)}


@given(st.lists(st.integers(0, 50), max_size=10))
def test_growth_keeps_rows_and_fills_new_ones(sizes: list[int]) -> None:
    """The size never shrinks, old rows keep their values, new rows have the initial ones."""
    columns = Columns(SPEC)
    expected: list[int] = []
    for size in sizes:
        columns.grow(size)
        expected += [-5] * (size - len(expected))
        assert columns["time"].tolist() == expected
        assert columns["flags"].shape == (len(expected), 3)
        expected = [value if value != -5 else place for place, value in enumerate(expected)]
        columns["time"][:] = expected


@given(st.lists(st.tuples(st.integers(-(2**60), 2**60), st.booleans())), st.integers(0, 5))
def test_loaded_columns_equal_the_dumped_ones(rows: list[tuple[int, bool]], cut: int) -> None:
    """A dump of the first rows restores them, and equal columns give equal bytes."""
    columns, other = Columns(SPEC), Columns(SPEC)
    columns.grow(len(rows))
    for place, (time, flag) in enumerate(rows):
        columns["time"][place], columns["flags"][place, 1] = time, flag
    size = min(cut, len(rows))
    other.load(columns.dump(size))
    assert other.size == size
    for name in SPEC:
        np.testing.assert_array_equal(other[name], columns[name][:size])
    assert other.dump() == columns.dump(size)


def test_columns_that_do_not_fit_are_refused() -> None:
    """Missing, damaged and unequal columns raise StateError."""
    one, two = Columns(SPEC), Columns(SPEC)
    one.grow(1)
    two.grow(2)
    for state in ({}, None, one.dump() | {"time": b"x"}, one.dump() | {"time": two.dump()["time"]}):
        with pytest.raises(StateError, match="snapshot"):
            Columns(SPEC).load(state)
