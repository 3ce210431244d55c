"""Command `detect`: detections of a file, with bad rows reported by line."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from twinward.commands.detect import HEADER, detect_file
from twinward.commands.recording_times import Times
from twinward.errors import InputError


def test_a_fire_in_a_file_is_found_and_bad_rows_stop_nothing(tmp_path: Path) -> None:
    """Good rows around bad ones count; each bad row is reported with line and reason."""
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    lines = ["sensor,kind,metric,time,value"]
    lines += [f"s1,smoke,smoke_density,2026-09-01T02:{i // 6:02}:{i % 6}0Z,{0.001 * 1.1**i:.4f}" for i in range(80)]
    lines += ["s1,smoke,smoke_density,2026-09-01T03:00:00Z,thick", "s1,smog,smoke,2026-09-01T03:00:00Z,1", "s1,smoke"]
    lines += ["s1,smoke,smoke,yesterday,1", "s1,smoke,smoke_density,2026-09-01T03:00:00Z,nan"]
    source.write_text("\n".join(lines) + "\n")
    summary = detect_file(source, target)
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (summary.rows, summary.bad_rows, summary.detections) == (85, 5, len(rows))
    assert [error.split(":")[0] for error in summary.errors] == [f"line {line}" for line in range(82, 87)]
    assert tuple(rows[0]) == HEADER
    assert {row["hazard"] for row in rows} == {"fire"}
    assert rows[0]["text"].startswith("Smoke density above 0.05 dB/m")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1970-01-01T00:00:01Z", 1), ("1970-01-01T08:00:01+08:00", 1), ("1970-01-01 00:00:01.5", 1.5), ("1500", 1.5)],
)
def test_times_are_read_in_all_three_forms(text: str, seconds: float) -> None:
    """RFC 3339, naive as UTC, and milliseconds since 1970."""
    assert Times().one(text) == seconds * 1e9


@pytest.mark.parametrize("content", ["", "sensor,metric,value\n"])
def test_unusable_files_are_input_errors(tmp_path: Path, content: str) -> None:
    """An empty file or a missing column is one error line."""
    source = tmp_path / "in.csv"
    source.write_text(content)
    with pytest.raises(InputError, match=r"in\.csv.*kind"):
        detect_file(source, tmp_path / "out.csv")


def test_a_fire_that_dies_down_is_no_new_alarm(tmp_path: Path) -> None:
    """Written levels only rise; the columns of pages have values."""
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    values = (
        [0.001] * 30 + [0.001 * 1.1**i for i in range(70)] + [0.001 * 1.1**i for i in range(70, 0, -1)] + [0.001] * 90
    )
    lines = ["sensor,kind,metric,time,value"]
    lines += [
        f"s1,smoke,smoke_density,2026-09-01T{2 + i // 360:02}:{i // 6 % 60:02}:{i % 6}0Z,{value:.4f}"
        for i, value in enumerate(values)
    ]
    source.write_text("\n".join(lines) + "\n")
    detect_file(source, target)
    with target.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "smoke_density"]
    levels = [int(row["level"]) for row in rows]
    assert len(set(levels)) > 1
    assert levels == sorted(levels)
    assert {row["drill"] for row in rows} == {"false"}
