"""Output tables of the kernels."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.kernels.emission import WIDTH, emit, empty


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.integers(-(2**62), 2**62)] * WIDTH), max_size=100))
def test_entries_survive_the_growth_of_the_tables(entries: list[tuple[int, int, int, int, int, int]]) -> None:
    """Every entry is written once, in order, at any number of entries."""
    found, values = empty()
    for number, entry in enumerate(entries):
        found, values = emit(found, values, number, entry, float(number))
    assert [tuple(line) for line in found[: len(entries)].tolist()] == entries
    assert values[: len(entries)].tolist() == [float(number) for number in range(len(entries))]
