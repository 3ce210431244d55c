"""Presence in a room by the source of its carbon dioxide."""

from __future__ import annotations

from detectors import Calendar, Phase, Recipe, build, load_recipe
from tests.detectors.histories import Row, campus, readings

RULE = next(rule for rule in load_recipe().rules if rule.name == "room_occupied")


def room(*values: float, every_s: float = 60.0) -> list[Row]:
    """Return carbon dioxide of one room at even intervals."""
    return [("co2", 1, at * every_s, at * every_s, value, 0) for at, value in enumerate(values)]


def phases(rows: list[Row]) -> list[tuple[Phase, int]]:
    """Return phase and minute of each detection."""
    found = build(Recipe("any", (RULE,)), campus(), Calendar()).update(readings(rows))
    at = [round((ns - found.first_ns[0]) / 60e9) for ns in found.last_ns.tolist()]
    return [(Phase(phase), minute) for phase, minute in zip(found.phase.tolist(), at, strict=True)]


def test_presence_rises_with_the_value_and_ends_while_it_is_still_high() -> None:
    """Two hours of persons, then a decay by half an air change an hour: empty within an hour, above 900 ppm."""
    empty, present = [420.0] * 120, [420 + 6.0 * minute for minute in range(120)]
    decay = [420 + 720 * 0.9917**minute for minute in range(120)]
    (raised, at), (cleared, ended) = phases(room(*empty, *present, *decay))
    assert (raised, cleared) == (Phase.RAISE, Phase.CLEAR)
    assert at <= 5
    assert 105 <= ended <= 175


def test_clean_air_and_a_pause_are_no_presence() -> None:
    """Noise of 10 ppm, and a jump behind a gap of a day, are no persons."""
    noise = [420.0 + (at * 7) % 11 for at in range(600)]
    later = [(m, s, at + 86_400.0 + 36_000, ar + 86_400.0 + 36_000, v + 15, q) for m, s, at, ar, v, q in room(*noise)]
    assert phases([*room(*noise), *later][:1]) == []
    assert len(build(Recipe("any", (RULE,)), campus(), Calendar()).update(readings([*room(*noise), *later]))) == 0
