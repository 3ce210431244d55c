"""All benchmarks of a folder of recordings, and the document with their figures."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from twinward.errors import InputError

from .goals import Measured, grades

BENCHMARKS = {
    "nab": "general",
    "skab": "machine",
    "fsri-compartment-fires": "fires",
    "nist-home-smoke-alarms": "homes",
    "floodnet-events": "floods",
    "dodgers-loop-counts": "counts",
}
"""Folder of a data set -> module of its benchmark."""
COMMAND = "twinward qualify --data DIR --output docs/detection.md"
NOTE = """# Detection

Made by `{command}` from recorded data. Each recording passes through `twinward detect`
as a file of readings with the shipped recipe; no figure is fitted to these labels. The baseline is a simple method,
measured in the same run. Rows of one group count only together. `cases` is the number of labelled events or series; the
error of a share is its binomial standard error.

"""
COLUMNS = ("data", "figure", "ours", "error", "baseline", "pass", "strong", "extreme", "cases", "grade")


def measured(data: Path, *, started: Callable[[float], None] = lambda _share: None) -> Iterator[Measured]:
    """Yield the figures of every benchmark whose folder is in `data`; started: receives the share done.

    Raises InputError if there is none, or for an unreadable file.
    """
    present = [name for name in BENCHMARKS if (data / name).is_dir()]
    if not present:
        raise InputError(f"{data}: no recordings; allowed is a folder with one of {', '.join(BENCHMARKS)}")
    for number, name in enumerate(present):
        started(number / len(present))
        yield from importlib.import_module(f"twinward.benchmarks.{BENCHMARKS[name]}").measure(data / name)


def document(rows: Sequence[Measured]) -> str:
    """Return the figures as Markdown."""
    table = [COLUMNS, ("---",) * len(COLUMNS)]
    for row, grade in zip(rows, grades(rows), strict=True):
        bounds = (row.goal.enough, row.goal.strong, row.goal.extreme)
        figures = (_shown(value) for value in (row.ours, row.error, row.baseline, *bounds))
        table.append((row.data, _named(row), *figures, str(row.cases), grade))
    return NOTE.format(command=COMMAND) + "\n".join(f"| {' | '.join(cells)} |" for cells in table)


def _named(row: Measured) -> str:
    return f"{row.goal.name}, {row.goal.unit}" if row.goal.unit else row.goal.name


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
