"""`qualify`: detection on recorded data, each figure beside a baseline of the same run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twinward.errors import InputError, as_cli_errors

from .output import Json, open_output, progress_bar

if TYPE_CHECKING:
    from twinward.benchmarks.drawings import Drawing

WORKERS = 2
"""Processes of the benchmarks; each needs up to 0.6 GB."""


def qualify(
    data: Annotated[Path, typer.Option(help="Folder of the recordings, one folder for each data set.")],
    output: Annotated[Path | None, typer.Option(help="File for the table; default: standard output.")] = None,
    *,
    simulations: Annotated[str, typer.Option(help="Simulations, by comma: all, none or names.")] = "all",
    as_json: Json = False,
) -> None:
    """Measure detection on recorded and simulated data, beside a simple baseline."""
    from simulators import SimulatorError
    from twinward.benchmarks.drawings import Drawing
    from twinward.benchmarks.goals import Measured, grades
    from twinward.benchmarks.run import SIMULATIONS, document, measured

    names = {"all": list(SIMULATIONS), "none": []}.get(simulations, simulations.split(","))
    unknown = [name for name in names if name not in SIMULATIONS]
    if unknown:
        raise InputError(f"--simulations {unknown[0]!r}: allowed are all, none, {', '.join(SIMULATIONS)}")
    with as_cli_errors(OSError, SimulatorError), progress_bar("qualify", quiet=as_json) as report:
        results = list(
            measured(data, simulations=names, started=lambda share: report(round(100 * share), share), workers=WORKERS)
        )
        rows = [result for result in results if isinstance(result, Measured)]
        drawings = [] if as_json else _drawn([one for one in results if isinstance(one, Drawing)], output)
    with open_output(output) as write:
        if as_json:
            for row, grade in zip(rows, grades(rows), strict=True):
                write(json.dumps(asdict(row) | {"grade": grade}))
        else:
            write(document(rows, drawings, simulations=names))


def _drawn(drawings: list[Drawing], output: Path | None) -> list[tuple[Drawing, str]]:
    """Save the plots into a folder beside the document and of its name; without a document there are none."""
    if output is None or not drawings:
        return []
    folder = output.with_suffix("")
    folder.mkdir(exist_ok=True)
    return [(drawing, f"{folder.name}/{drawing.save(folder).name}") for drawing in drawings]
