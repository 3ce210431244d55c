"""One version: in the build, in the program and in the console."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from twinward import __version__

ROOT = Path(__file__).resolve().parents[1]


def test_every_place_states_the_same_version() -> None:
    """The build configuration and the console's package and lock state the program's version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    console, lock = (
        json.loads((ROOT / "alerts" / "console" / name).read_text(encoding="utf-8"))
        for name in ("package.json", "package-lock.json")
    )
    stated = {project["version"], console["version"], lock["version"], lock["packages"][""]["version"]}
    assert stated == {__version__}
