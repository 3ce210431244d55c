"""Scenario bank: plays to pages, pages to truth windows, and the exit status of the command."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from simulators import Truth
from twinward.bank import Played, PlayedWindow, play, score_windows, summary
from twinward.commands import bank as command

SHORT = ("S2", "S12", "S13", "S25")
"""Scenarios of an hour or two; the command plays the whole bank."""


@cache
def played(scenario: str) -> Played:
    """Return the play of a scenario at the school of seed 1."""
    return play(scenario, seed=1)


@pytest.mark.parametrize("scenario", SHORT)
def test_a_scenario_meets_its_truth_through_pages(scenario: str) -> None:
    """Each window that must page pages once, and none that must not; every page has its ticket's hazard."""
    windows = score_windows(played(scenario))
    assert [window for window in windows if window.missed or window.false] == []
    assert [window.pages for window in windows if window.must_page] == [1] * sum(w.must_page for w in windows)
    assert {page.hazard for page in played(scenario).pages} <= {hazard.id for hazard in played(scenario).hazards}


def test_a_fire_is_paged_before_its_harm() -> None:
    """The lead is the time from the page to the harm."""
    [fire] = [window for window in score_windows(played("S2")) if window.kind == "fire"]
    assert fire.lead_s is not None
    assert fire.lead_s > 60


def test_a_forced_gate_is_paged_within_three_seconds() -> None:
    """The page follows the opening, also on the day of a drill, and the drill pages nobody."""
    for scenario in ("S12", "S25"):
        [gate] = [window for window in score_windows(played(scenario)) if window.kind == "gate_forced"]
        assert gate.delay_s is not None
        assert 0 <= gate.delay_s <= 3
    [drill] = [window for window in score_windows(played("S25")) if window.drill]
    assert (drill.found, drill.paged) == (True, False)


def test_a_held_gate_pages_at_its_last_level() -> None:
    """600 s after the opening; a gate held for a shorter time is a finding without a page."""
    long, short = score_windows(played("S13"))
    assert (long.paged, short.found, short.paged) == (True, True, False)
    assert long.lead_s == pytest.approx(-570, abs=5)


def test_a_page_outside_its_window_counts_against_others_of_its_sensor() -> None:
    """A page outside its own window is false inside a nuisance window of its sensor."""
    base = played("S2")
    [fire] = base.world.truths()
    nuisance = replace(fire, kind="cooking", must_page=False, must_not_page=True)
    later = replace(fire, onset_ms=fire.end_ms + 3_600_000, end_ms=fire.end_ms + 7_200_000)
    assert [w.false for w in _scored(base, fire, nuisance)] == [False, False]
    missed, false = _scored(base, later, nuisance)
    assert (missed.missed, false.false) == (True, True)
    assert len(_scored(base, later, nuisance)) == 2
    counts = summary([missed, false])
    assert (counts["must_page_paged"], counts["must_not_page_paged"]) == (0, 1)


@pytest.mark.parametrize(("pages", "false"), [(1, False), (2, True)])
def test_a_quiet_scenario_has_one_row_and_a_page_a_month(pages: int, *, false: bool) -> None:
    """Without windows every page is false; a month, or less, has one at most."""
    base = played("S2")
    [row] = _scored(replace(base, pages=base.pages[:1] * pages))
    assert (row.kind, row.pages, row.false) == ("quiet", pages, false)


def test_pages_outside_all_windows_have_a_row() -> None:
    """They count neither way, and the summary has their number."""
    base = played("S2")
    [fire] = base.world.truths()
    later = replace(fire, onset_ms=fire.end_ms + 3_600_000, end_ms=fire.end_ms + 7_200_000)
    missed, outside = _scored(base, later)
    assert (missed.missed, outside.kind, outside.pages, outside.false) == (True, "outside", 1, False)
    counts = summary([missed, outside])
    assert (counts["windows"], counts["pages_outside"]) == (1, 1)


def _scored(base: Played, *truths: Truth) -> list[PlayedWindow]:
    class World:
        campus, scenario, span_ms = base.world.campus, base.world.scenario, base.world.span_ms

        def truths(self) -> list[Truth]:
            return list(truths)

    world: Any = World()
    return score_windows(replace(base, world=world))


@pytest.mark.parametrize(("missed", "status"), [(False, 0), (True, 1)])
def test_the_command_prints_a_row_for_each_window_and_its_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, missed: bool, status: int
) -> None:
    """JSON has one object a line, the summary last; a missed window gives exit status 1."""
    windows = [replace(window, paged=window.paged and not missed) for window in score_windows(played("S12"))]
    monkeypatch.setattr(command, "score_bank", lambda *_, **__: windows)
    assert command.print_bank("S12", "1", as_json=True) == status
    *rows, total = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["missed"] for row in rows] == [missed]
    assert total["must_page"] == 1
    assert command.print_bank("S12", "1", as_json=False) == status
    assert capsys.readouterr().out.startswith("scenario  seed")
