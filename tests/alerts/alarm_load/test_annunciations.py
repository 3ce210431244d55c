"""Annunciations: pages of the journal with their acknowledgement and return, without drills."""

from __future__ import annotations

from typing import Any

from detectors import Phase

SECOND_NS = 1_000_000_000
SPAN: dict[str, int] = {"since_ns": 0, "until_ns": 2**62}


def test_each_page_has_its_acknowledgement_and_its_return(world: Any, seen: Any, people: Any) -> None:
    """Two alarms of one place: acknowledgements belong to the page before them; a drill or an early finding is none."""
    world.feed(seen(Phase.RAISE, page=True), seen(Phase.RAISE, sensor="smoke-102", drill=True, page=True))
    world.feed(seen(Phase.RAISE, sensor="level-1", hazard="flood", rule="level", page=False))
    [first] = [row for row in world.hazards if row.kind == "fire" and not row.drill]
    world.now_ns += 30 * SECOND_NS
    world.dispatch.acknowledge(first.id, people["operator"])
    world.now_ns += 30 * SECOND_NS
    world.feed(seen(Phase.CLEAR, at_s=60))
    world.now_ns += 60 * SECOND_NS
    world.feed(seen(Phase.RAISE, at_s=120, page=True))
    record = world.dispatch.queries.alarm_record(people["viewer"], site="school-1", **SPAN)
    spans = [
        tuple(None if end is None else (end - row.at_ns) // SECOND_NS for end in (row.taken_ns, row.returned_ns))
        for row in record.rows
    ]
    assert spans == [(30, 60), (None, None)]
    assert {row.rule for row in record.rows} == {"smoke-limit"}
    count = world.dispatch.queries.annunciations_since(people["viewer"], site="school-1", since_ns=0)
    assert count == 2
    assert world.dispatch.queries.annunciations_since(people["viewer"], site="school-1", since_ns=world.now_ns + 1) == 0
