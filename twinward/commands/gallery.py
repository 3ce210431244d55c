"""`gallery`: draw the scenario bank."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simulators import SimulatorError
from simulators.gallery import gallery
from twinward.errors import as_cli_errors

from .output import progress_bar


def draw_gallery(folder: Path, *, scenarios: list[str], seed: int, quiet: bool) -> dict[str, Any]:
    """Draw a picture of each scenario and one page with all of them; return the files."""
    with as_cli_errors(SimulatorError), progress_bar("gallery", quiet=quiet) as report:
        files = gallery.build(folder, scenarios or gallery.bank(), seed=seed, progress=report)
    return {"files": [str(file) for file in files]}
