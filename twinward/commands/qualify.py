"""`qualify`: detection on recorded data, each figure beside a baseline of the same run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from twinward.benchmarks.goals import grades
from twinward.benchmarks.run import document, measured
from twinward.errors import as_cli_errors

from .output import Json, open_output, progress_bar


def qualify(
    data: Annotated[Path, typer.Option(help="Folder of the recordings, one folder for each data set.")],
    output: Annotated[Path | None, typer.Option(help="File for the table; default: standard output.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Measure detection on recorded data, beside a simple baseline."""
    with as_cli_errors(OSError), progress_bar("qualify", quiet=as_json) as report:
        rows = list(measured(data, started=lambda share: report(round(100 * share), share)))
    with open_output(output) as write:
        if as_json:
            for row, grade in zip(rows, grades(rows), strict=True):
                write(json.dumps(asdict(row) | {"grade": grade}))
        else:
            write(document(rows))
