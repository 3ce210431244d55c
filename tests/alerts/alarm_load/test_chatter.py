"""Chatter index: three alarms in a minute reach the limit, drills and single alarms do not count."""

from __future__ import annotations

from typing import Any

import pytest

from alerts import Actor, NotFound
from alerts.alarm_load.chatter import CHATTERING, SECOND_NS, index_of
from detectors import Phase

DAY_NS = 86_400 * SECOND_NS


def test_the_index_is_of_each_rule_and_sensor(world: Any, seen: Any, people: Any) -> None:
    """A flapping level, a calm one, a drill; of one sensor on request, and of no foreign school."""
    for nth in range(3):
        world.feed(seen(Phase.RAISE, sensor="level-1", hazard="leak", rule="wet", at_s=nth * 20))
        world.feed(seen(Phase.CLEAR, sensor="level-1", hazard="leak", rule="wet", at_s=nth * 20 + 5))
        world.feed(seen(Phase.RAISE, at_s=nth * 7200, rule="smoke", sensor="smoke-102"))
        world.feed(seen(Phase.CLEAR, at_s=nth * 7200 + 5, rule="smoke", sensor="smoke-102"))
        world.feed(
            seen(Phase.RAISE, at_s=nth * 2, rule="smoke", drill=True), seen(Phase.CLEAR, at_s=nth * 2 + 1, drill=True)
        )
    world.now_ns += DAY_NS
    found = world.dispatch.discipline.chatter(people["operator"], "school-1", span_ns=2 * DAY_NS)
    assert [(one.rule, one.sensor, one.count, one.chattering) for one in found] == [
        ("wet", "level-1", 3, True),
        ("smoke", "smoke-102", 3, False),
    ]
    assert found[0].index == pytest.approx(CHATTERING)
    one = world.dispatch.discipline.chatter(people["operator"], "school-1", span_ns=2 * DAY_NS, sensor="smoke-102")
    assert [row.sensor for row in one] == ["smoke-102"]
    with pytest.raises(NotFound):
        world.dispatch.discipline.chatter(
            Actor("far", frozenset(("operator",)), frozenset(("school-2",))), "school-1", span_ns=DAY_NS
        )


def test_an_alarm_alone_has_no_index() -> None:
    """Repeats within a second count as one second."""
    assert (index_of([]), index_of([5]), index_of([0, 0])) == (0.0, 0.0, 1.0)
