"""Plots of signals with truth intervals and alarms; needs the extra `plot`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from simulators.errors import PlotUnavailable

POINTS_MAX = 4_000
PANELS_MAX = 8
_SHADES = {True: "#f4c7c3", False: "#dfe6ee"}  # an event, a nuisance
_LINE, _ALARM, _HARM = "#2a5d8f", "#c0392b", "#7d3c98"


@dataclass(frozen=True, slots=True)
class Span:
    """A truth interval (s since 1970 UTC). event: False for a nuisance."""

    start_s: float
    end_s: float
    harm_s: float | None = None
    event: bool = True
    label: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One sensor's metric: (s since 1970 UTC, value) by time. alarms: decision times (s)."""

    title: str
    unit: str
    points: Sequence[tuple[float, float]]
    spans: Sequence[Span] = ()
    alarms: Sequence[float] = ()
    steps: bool = False


@dataclass(slots=True)
class Picture:
    """Stacked panels over one time axis."""

    title: str
    panels: list[Panel] = field(default_factory=list)
    zone: tzinfo = UTC

    def save(self, path: Path) -> Path:
        """Draw into a file of the type of its suffix (png, svg, pdf); return the path.

        Raises PlotUnavailable without matplotlib, OSError for an unwritable file.
        """
        figure = _figure(self)
        try:
            figure.savefig(path, dpi=90, metadata={"Software": None} if path.suffix == ".png" else None)
        except ValueError as error:
            raise PlotUnavailable(f"{path}: {error}") from error
        return path


def _figure(picture: Picture) -> Any:
    """Return a figure on the file backend: no window, no global state."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra, 0.3 s to import
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise PlotUnavailable("plots need matplotlib: pip install 'twinward[plot]'") from error
    panels = picture.panels[:PANELS_MAX]
    figure = Figure(figsize=(10, 1.2 + 1.7 * max(1, len(panels))), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(picture.title, fontsize=11)
    axes = figure.subplots(max(1, len(panels)), 1, sharex=True, squeeze=False)[:, 0]
    for axis, panel in zip(axes, panels, strict=False):
        _draw(axis, panel, picture.zone)
    locator = AutoDateLocator(tz=picture.zone)  # type: ignore[no-untyped-call]  # matplotlib's dates have no types
    axes[-1].xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=picture.zone)  # type: ignore[no-untyped-call]
    axes[-1].xaxis.set_major_formatter(formatter)
    return figure


def _draw(axis: Any, panel: Panel, zone: tzinfo) -> None:
    def at(second: float) -> datetime:
        return datetime.fromtimestamp(second, zone)

    stride = -(-len(panel.points) // POINTS_MAX) or 1
    shown = panel.points[::stride]
    style = {"drawstyle": "steps-post"} if panel.steps else {}
    axis.plot([at(when) for when, _ in shown], [value for _, value in shown], color=_LINE, linewidth=0.9, **style)
    for span in panel.spans:
        axis.axvspan(at(span.start_s), at(span.end_s), color=_SHADES[span.event], linewidth=0, zorder=0)
        if span.harm_s is not None:
            axis.axvline(at(span.harm_s), color=_HARM, linestyle=":", linewidth=1.2)
        if span.label:
            axis.annotate(
                span.label, (at(span.start_s), 1), xycoords=("data", "axes fraction"), xytext=(2, -9),
                textcoords="offset points", fontsize=7, color="#555555",
            )  # fmt: skip
    for alarm in panel.alarms:
        axis.axvline(at(alarm), color=_ALARM, linewidth=1.0)
    axis.set_title(f"{panel.title} [{panel.unit}]" if panel.unit else panel.title, fontsize=8, loc="left")
    axis.tick_params(labelsize=7)
    axis.margins(x=0)
    axis.grid(visible=True, color="#eeeeee", linewidth=0.6)
