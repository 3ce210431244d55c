"""Table of the closed loop: a pair of state and action is a row or is refused with the others."""

from __future__ import annotations

import itertools

import pytest

from alerts import GuardFailed, loop


def test_an_action_outside_the_table_names_the_possible_ones() -> None:
    """For each state, in both languages; an unknown action too."""
    table = loop()
    for state, action in itertools.product(table.states, [*table.steps, "nonsense"]):
        leading = {one.action: one.name["zh"] for one in table.steps.values() if one.leads_from(state)}
        if action in leading:
            assert table.step(state, action).target(state) in table.states
            continue
        with pytest.raises(GuardFailed) as refused:
            table.step(state, action)
        assert set(refused.value.en.partition("possible: ")[2].split(", ")) == leading.keys()
        assert set(refused.value.zh.partition("可执行：")[2].split("、")) == set(leading.values())
