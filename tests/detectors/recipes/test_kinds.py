"""Rule types: their bounds and defaults."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest
from annotated_types import Interval, Unit

from detectors import RecipeError, read_recipe
from detectors.recipes.kinds import Rule
from detectors.recipes.types import TYPES

TERMS = [{"metric": "co", "above": 30.0}, {"metric": "smoke", "state": True}]
NEEDED: dict[str, Any] = {
    "metric": "co", "window_s": 60.0, "labels": ["person"], "limits": [30.0], "low": 1.0, "high": 2.0,
    "conditions": TERMS, "finding": TERMS[0], "seconds": TERMS[1:],
}  # fmt: skip
"""Settings that some types need, with a usable value."""
OWN: dict[str, dict[str, Any]] = {"verify": {"levels": [1, 2]}, "belief": {"limits": [0.5]}}
"""Settings of a type with bounds of its own."""


def entry(kind: str) -> dict[str, Any]:
    """Return the shortest entry of a type in a recipe."""
    names = {part.name for part in fields(TYPES[kind]) if part.default is MISSING} | ({"limits"} & names_of(kind))
    return {
        "name": "r",
        "hazard": "fire",
        "type": kind,
        **{name: NEEDED[name] for name in names if name in NEEDED},
        **OWN.get(kind, {}),
    }


def names_of(kind: str) -> set[str]:
    """Return the settings of a type."""
    return {part.name for part in fields(TYPES[kind])}


def bounds() -> list[tuple[str, str, float]]:
    """Return type, setting and a number below its lower bound, of every bounded setting."""
    found = []
    for kind, settings in TYPES.items():
        for name, hint in get_type_hints(settings, include_extras=True).items():
            notes = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
            found += [(kind, name, note.ge - 1) for note in notes if isinstance(note, Interval) and note.ge is not None]
    return found


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind != "trained"])  # needs a model: see test_trained
def test_shortest_entry_of_each_type_is_a_rule(kind: str) -> None:
    """Every setting without a default is enough."""
    (rule,) = read_recipe({"rule": [entry(kind)]}).rules
    assert isinstance(rule, Rule)
    assert type(rule) is TYPES[kind]


@pytest.mark.parametrize(("kind", "name", "value"), bounds())
def test_number_below_its_bound_is_refused(kind: str, name: str, value: float) -> None:
    """The error names the setting."""
    with pytest.raises(RecipeError, match=rf"rule r\.{name}"):
        read_recipe({"rule": [{**entry(kind), name: value}]})


def test_durations_have_a_unit() -> None:
    """A setting whose name ends in _s is a number of seconds or a list of them; one in _m_s is a speed."""
    for settings in TYPES.values():
        for name, hint in get_type_hints(settings, include_extras=True).items():
            if name.endswith("_s"):
                inner = get_args(hint)[0] if get_origin(hint) is tuple else hint
                assert Unit("m/s" if name.endswith("_m_s") else "s") in get_args(inner)[1:], name
