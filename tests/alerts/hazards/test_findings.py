"""Findings from the rows of a detection batch."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alerts.hazards.findings import observations
from alerts.model import identity
from detectors import Phase


def test_a_place_comes_from_bindings_then_the_registry_then_the_sensor(world: Any, seen: Any) -> None:
    """An unassigned sensor is a place of its own with a separate hazard."""
    raise_ = Phase.RAISE
    batch = world.batch(
        seen(raise_), seen(raise_, sensor="smoke-102"), seen(raise_, sensor="new/one"), seen(raise_, sensor="new/two")
    )
    given_places = {("school-1", "smoke-102"): "bank", ("school-2", "new/one"): "d-101"}
    found = observations(batch, world.catalog, world.registry, assigned=given_places, now_ns=7)
    assert [(seen.place, seen.zone) for seen in found] == [
        ("d-101", "dorm"),
        ("bank", "pond"),
        ("unassigned:new/one", ""),
        ("unassigned:new/two", ""),
    ]


parts = st.lists(st.text(max_size=6) | st.integers() | st.booleans(), min_size=1, max_size=5)


@given(parts, parts)
def test_an_id_is_a_function_of_its_parts(one: list[Any], two: list[Any]) -> None:
    """Equal content has equal ids on every replay; other content has another id."""
    same = list(map(str, one)) == list(map(str, two))
    separated = not any("\x1f" in str(part) for part in one + two)
    if same or separated:
        assert (identity(*one) == identity(*two)) == same
    assert len(identity(*one)) == 24
