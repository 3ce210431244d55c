"""`score`: options of the command; loads the score of files or that of the scenario bank."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .output import Json, print_result


def score(
    *,
    detections: Annotated[Path | None, typer.Option(help="CSV written by `detect`.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Truth of `simulate`, or CSV sensor,start,end,hazard.")] = None,
    bank: Annotated[bool, typer.Option("--bank", help="Play the scenario bank to its pages, without S24.")] = False,
    seeds: Annotated[str, typer.Option(help="Seeds of the bank's schools, separated by commas.")] = "1",
    scenario: Annotated[str, typer.Option(help="Scenarios of the bank, separated by commas.")] = "",
    span: Annotated[Path | None, typer.Option(help="CSV sensor,start,end: the observed time.")] = None,
    early: Annotated[float, typer.Option(min=0, help="Seconds before a window in which an alarm counts.")] = 0.0,
    grace: Annotated[float, typer.Option(min=0, help="Seconds after a window in which an alarm counts.")] = 0.0,
    merge: Annotated[float, typer.Option(min=0, help="Seconds within which alarms of one sensor count once.")] = 600.0,
    match_hazard: Annotated[bool, typer.Option(help="An alarm counts only in windows of its own hazard.")] = False,
    page_level: Annotated[int, typer.Option(min=0, max=3, help="Level that pages without a column `page`.")] = 2,
    forecasts: Annotated[Path | None, typer.Option(help="CSV sensor,metric,at,low,high[,share].")] = None,
    signal: Annotated[Path | None, typer.Option(help="CSV of the readings, for --plot and --forecasts.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Picture of truth and alarms over the signal.")] = None,
    as_json: Json = False,
) -> None:
    """Score detections, or with --bank the pages of the scenario bank; exit 1 after a missed or false page."""
    if bank:
        from .bank import print_bank

        raise typer.Exit(print_bank(scenario, seeds, as_json=as_json))
    from .score import score_files

    if detections is None or truth is None:
        raise typer.BadParameter("--detections and --truth are required without --bank")
    options = {"early_s": early, "grace_s": grace, "merge_s": merge, "match_hazard": match_hazard}
    report = score_files(
        detections, truth, span=span, forecasts=forecasts, signal=signal, plot=plot, page_level=page_level, **options
    )
    print_result(report, as_json=as_json)
