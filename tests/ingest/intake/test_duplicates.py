"""Windows of message keys: filled together or key by key, they detect the same duplicates."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.intake.duplicates import Duplicates, Window


@given(keys=st.lists(st.integers(0, 40), unique=True), keys_max=st.integers(1, 12))
def test_filling_together_equals_adding_one_by_one(keys: list[int], keys_max: int) -> None:
    """Both generations have the same keys, within the bound."""
    filled, added = Window(keys_max), Window(keys_max)
    filled.fill(np.array(keys, np.uint64))
    for key in keys:
        added.add(key)
        added.turn()
    assert (filled.young, filled.old) == (added.young, added.old)
    assert len(filled) <= max(2, keys_max)


@given(keys=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_keys_of_the_log_are_detected(keys: list[int]) -> None:
    """The log stores keys as signed numbers; a message's key is unsigned."""
    known = Duplicates(recent=keys)
    assert all(key % 2**64 in known.own for key in keys)
    assert all(key % 2**64 in known.repeats for key in keys)
