"""`bench`: run one measurement of this machine and print its cases."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from typing import Any

from rich.console import Console


def run_bench(measurement: str, *, seconds: float, as_json: bool, **options: int | str) -> None:
    """Measure, and print a line after each case."""
    bench = importlib.import_module(f"twinward.bench.{measurement}")
    console = Console(stderr=True, quiet=as_json)
    with console.status(f"bench {measurement}") as status:
        rows: Iterator[dict[str, Any]] = bench.run(
            seconds=seconds, progress=lambda text: status.update(str(text)), **options
        )
        for row in rows:
            print(json.dumps(row) if as_json else _line(row), flush=True)


def _line(row: dict[str, Any]) -> str:
    shown = [f"{name} {value:,.4g}" for name, value in row.items() if isinstance(value, (int, float))]
    return f"{row['bench']} {row['case']}: {', '.join(shown)}"
