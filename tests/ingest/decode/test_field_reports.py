"""Reports from the field decode as their page expects: formats of homes and workshops."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from twinward.commands.decode import decode_lines

from .test_samples import NOW_NS

pytestmark = pytest.mark.shared


def decoded(shared_dir: Path, name: str) -> list[dict[str, Any]]:
    """Return the meaning of each line of a report."""
    lines = (shared_dir / "field-reports" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in decode_lines(lines, clock=lambda: NOW_NS)]


def values(meaning: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """Return sensor and metric -> value of the readings."""
    return {(each["sensor"], each["metric"]): each["value"] for each in meaning["readings"]}


def test_illuminance_of_recent_bridges_is_read(shared_dir: Path) -> None:
    """R01-z2m-illuminance: `illuminance` alone is in lux."""
    (meaning,) = decoded(shared_dir, "R01-z2m-illuminance")
    assert values(meaning)["stair-lux", "illuminance"] == 212


def test_a_renamed_detector_is_followed(shared_dir: Path) -> None:
    """R05-z2m-rename: the answer renames, the list that follows confirms it, the new name has the readings."""
    meanings = decoded(shared_dir, "R05-z2m-rename")
    assert [meaning.get("renamed", []) for meaning in meanings] == [
        [],
        [],
        [{"old": "0x0015bc003100702a", "new": "dorm2-smoke-114"}],
        [],
        [],
    ]
    assert ("dorm2-smoke-114", "smoke") in values(meanings[-1])
