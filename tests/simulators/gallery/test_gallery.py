"""Plots of the scenario bank."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulators import PlotUnavailable, build_campus, load_scenario, plan
from simulators.gallery.gallery import bank, build, picture

DOCS = Path(__file__).resolve().parents[3] / "docs" / "gallery"


def test_a_fire_shows_its_smoke() -> None:
    """The panels show the burning room with its truth and the start of harm."""
    found = picture(plan(load_scenario("S2"), build_campus()))
    titles = [panel.title for panel in found.panels]
    assert "smoke-lab-1  smoke_density" in titles
    assert not [title for title in titles if "battery" in title]
    (span,) = found.panels[0].spans
    assert span.event
    assert span.harm_s is not None
    highest = max(value for panel in found.panels if "smoke_density" in panel.title for _, value in panel.points)
    assert highest > 0.3


def test_an_outage_shows_as_a_gap() -> None:
    """Values are at their arrival time: none while the gateway is offline."""
    world = plan(load_scenario("S8"), build_campus())
    outage = next(truth for truth in world.truths() if truth.kind == "gateway_silent")
    panel = next(panel for panel in picture(world).panels if panel.title.startswith("smoke-"))
    away = [at for at, _ in panel.points if outage.onset_ms / 1000 + 60 < at < outage.end_ms / 1000 - 60]
    assert len(panel.points) > 100
    assert not away


def test_files_are_written(tmp_path: Path) -> None:
    """The command writes a plot of each scenario and one page of all."""
    files = build(tmp_path, ["S1", "S12"])
    assert [file.name for file in files] == ["S1.png", "S12.png", "index.md"]
    assert files[0].read_bytes()[:4] == b"\x89PNG"
    page = files[2].read_text(encoding="utf-8")
    assert "宿舍夜间阴燃" in page
    assert "](S12.png)" in page


def test_an_unknown_kind_of_file_is_an_error(tmp_path: Path) -> None:
    """An unknown suffix raises PlotUnavailable."""
    with pytest.raises(PlotUnavailable):
        picture(plan(load_scenario("S12"), build_campus())).save(tmp_path / "x.xyz")


def test_every_scenario_is_in_the_documents() -> None:
    """The gallery of the documents is complete."""
    page = (DOCS / "index.md").read_text(encoding="utf-8")
    assert len(bank()) == 25
    for name in bank():
        assert (DOCS / f"{name}.png").exists()
        assert f"]({name}.png)" in page
