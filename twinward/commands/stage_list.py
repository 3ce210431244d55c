"""`detector list`: stage of each rule, by the sheets of the package and of the data folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from detectors import DetectorError, load_recipe
from twinward.errors import as_cli_errors
from twinward.heads.sheet_folder import folder_gate
from twinward.settings import read_settings

from .sheets import stages


def listed(recipe: Path | None, config: Path | None) -> list[dict[str, Any]]:
    """Return a row for each rule. Raises TwinwardError."""
    settings = read_settings(config, os.environ)
    with as_cli_errors(DetectorError):
        found = load_recipe(recipe or settings.recipe)
    gate = folder_gate(settings.data_dir)
    return stages(found, {rule.name: gate.standing(rule) for rule in found.rules})
