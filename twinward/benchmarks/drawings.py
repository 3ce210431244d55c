"""Plots of a benchmark: a recording with its labelled windows and the detections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simulators.gallery.plot import Panel, Picture, Span

POINTS_MAX = 4_000
Spans = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A plot for the document. name: of its file, without suffix; caption: its content."""

    name: str
    caption: str
    panels: tuple[Panel, ...]

    def save(self, folder: Path) -> Path:
        """Write the plot as PNG; return its path. Raises PlotUnavailable without matplotlib, OSError."""
        return Picture(self.caption, list(self.panels)).save(folder / f"{self.name}.png")


@dataclass(frozen=True, slots=True)
class Example:
    """One recording with its labelled windows and the times of its alarms, in s since 1970.

    An alarm from early_s before a window to grace_s after it finds that window.
    """

    title: str
    unit: str
    points: Sequence[tuple[float, float]]
    windows: Spans
    alarms: Sequence[float]
    early_s: float = 0.0
    grace_s: float = 0.0

    def found(self) -> int:
        """Return the number of windows with an alarm."""
        return sum(any(self._within(one, at_s) for at_s in self.alarms) for one in self.windows)

    def missed(self) -> int:
        """Return the number of windows without an alarm."""
        return len(self.windows) - self.found()

    def false(self) -> int:
        """Return the number of alarms outside of all windows."""
        return sum(not any(self._within(one, at_s) for one in self.windows) for at_s in self.alarms)

    def _within(self, window: tuple[float, float], at_s: float) -> bool:
        return window[0] - self.early_s <= at_s <= window[1] + self.grace_s


def picked(name: str, subject: str, examples: Sequence[Example]) -> Drawing:
    """Return a plot of three recordings: most windows found, most windows missed, most false alarms."""
    totals = [sum(count(one) for one in examples) for count in (Example.found, Example.missed, Example.false)]
    chosen = {
        "found": max(examples, key=lambda one: (one.found() - one.missed(), -one.false())),
        "missed": max(examples, key=Example.missed),
        "false alarm": max(examples, key=Example.false),
    }
    kept = {kind: one for (kind, one), total in zip(chosen.items(), totals, strict=True) if total or kind == "found"}
    caption = f"{subject}: {totals[0]} windows found, {totals[1]} missed, {totals[2]} alarms outside of them"
    return Drawing(
        name,
        caption,
        tuple(_from_start(kind, one) for kind, one in kept.items()),
    )


def _from_start(kind: str, one: Example) -> Panel:
    """Return a recording with its times from its first point on: the panels of a plot share their axis."""
    first_s = one.points[0][0]
    points = [(at_s - first_s, value) for at_s, value in one.points]
    windows = [(begin_s - first_s, end_s - first_s) for begin_s, end_s in one.windows]
    return panel(f"{kind}: {one.title}", one.unit, points, windows, [at_s - first_s for at_s in one.alarms])


def panel(
    title: str,
    unit: str,
    points: Sequence[tuple[float, float]],
    windows: Sequence[tuple[float, float]] = (),
    alarms: Sequence[float] = (),
) -> Panel:
    """Return one series with its windows and the times of its alarms, all in seconds since 1970."""
    stride = -(-len(points) // POINTS_MAX) or 1
    spans = tuple(Span(start_s, end_s) for start_s, end_s in windows)
    return Panel(title, unit, points[::stride], spans, tuple(alarms))
