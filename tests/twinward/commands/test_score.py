"""Command `score`."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors import ScoreInputError
from twinward.commands.score import draw_sheet, score_files
from twinward.errors import InputError, TwinwardError


def test_picture_shows_truth_and_alarms_over_the_signal(tmp_path: Path) -> None:
    """A picture is written; a bad number is an error with its line."""
    (tmp_path / "signal.csv").write_text(
        "sensor,metric,time,value\n" + "".join(f"a,co,2026-11-03T00:{n:02}:00Z,{n}\n" for n in range(60))
    )
    (tmp_path / "truth.csv").write_text("sensor,start,end,hazard\na,2026-11-03T00:10:00Z,2026-11-03T00:20:00Z,fire\n")
    (tmp_path / "found.csv").write_text("sensor,decided,hazard,level\na,2026-11-03T00:12:00Z,fire,2\n")
    files = [tmp_path / name for name in ("found.csv", "truth.csv", "signal.csv", "out.png")]
    assert draw_sheet(*files).stat().st_size > 5_000
    (tmp_path / "signal.csv").write_text("sensor,metric,time,value\na,co,2026-11-03T00:00:00Z,much\n")
    with pytest.raises(ScoreInputError, match="line 2: value 'much'"):
        draw_sheet(*files)


def test_bad_input_is_an_error_of_the_command_line(tmp_path: Path) -> None:
    """A missing file and missing options raise errors that the command line prints."""
    missing = tmp_path / "missing.csv"
    with pytest.raises(TwinwardError, match="missing"):
        score_files(missing, missing)
    with pytest.raises(InputError, match="--signal"):
        score_files(missing, missing, plot=tmp_path / "out.png")
