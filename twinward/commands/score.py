"""Command `score`: metrics of detections against truth, and a picture of both over the readings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from detectors import ScoreInputError, qualification
from simulators import SimulatorError
from simulators.gallery.plot import Panel, Picture, Span
from twinward.errors import InputError, as_cli_errors


def score_files(
    detections: Path,
    truth: Path,
    *,
    signal: Path | None = None,
    forecasts: Path | None = None,
    plot: Path | None = None,
    span: Path | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Return every metric of the detections against the truth; plot: file of the picture. Raises TwinwardError."""
    if (plot is not None or forecasts is not None) and signal is None:
        raise InputError("--plot and --forecasts need --signal, the file of the readings")
    with as_cli_errors(SimulatorError, ScoreInputError):
        report = qualification.score_files(detections, truth, span=span, forecasts=forecasts, signal=signal, **options)
        if plot is not None and signal is not None:
            draw_sheet(detections, truth, signal, plot)
    return report.to_json()


def draw_sheet(detections: Path, truth: Path, signal: Path, output: Path) -> Path:
    """Draw truth and alarms over the series of at most eight sensors; return the file.

    Raises ScoreInputError, PlotUnavailable without matplotlib, OSError.
    """
    picture = Picture(f"{detections.name} against {truth.name}")
    for row in qualification.read_sheet(detections, truth, signal):
        spans = [Span(w.start_s, w.end_s, w.harm_s, not w.nuisance, w.hazard) for w in row.windows]
        picture.panels.append(Panel(f"{row.sensor}  {row.metric}", "", row.points, spans, row.alarms_s))
    return picture.save(output)
