"""Command `detect`: detections of a file, with bad rows reported by line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from alerts import load_registry
from twinward.commands.detect import HEADER, detect_file
from twinward.commands.recording_times import Times
from twinward.commands.score import score_files
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
    assert (summary.rows, summary.bad_rows, summary.detections) == (85, 5, sum(row["phase"] != "clear" for row in rows))
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
    """Levels rise, fall and clear; only rising ones page."""
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
        rows = [row for row in csv.DictReader(file) if row["detector"] == "fire_evidence"]
    levels = [int(row["level"]) for row in rows]
    peak = levels.index(max(levels))
    assert len(set(levels)) > 1
    assert levels[: peak + 1] == sorted(levels[: peak + 1])
    assert [row["phase"] for row in rows][:: len(rows) - 1] == ["raise", "clear"]
    assert {row["page"] for row in rows[peak + 1 :]} == {"false"}
    assert {row["drill"] for row in rows} == {"false"}


CAMPUS = """
[calendar]
open = "06:00"
close = "22:00"

[[site]]
id = "school-1"

[[sensor]]
site = "school-1"
id = "pond"
kind = "water"
limits = { level = [1.0, 2.0, 3.0] }

[[sensor]]
site = "school-1"
id = "kitchen"
kind = "smoke"
profile = "kitchen"
"""


@pytest.mark.parametrize("site", ["", "school-1"])
def test_a_campus_gives_limits_profiles_and_calendar(tmp_path: Path, site: str) -> None:
    """The gauge floods at its own limits and the kitchen does not page, but only with the campus."""
    source, campus = tmp_path / "in.csv", tmp_path / "campus.toml"
    campus.write_text(CAMPUS)
    lines = ["sensor,kind,metric,time,value,site"]
    for n in range(30):
        at = f"2026-09-01T02:{n:02}:00Z"
        lines += [f"pond,water,level,{at},{0.1 * n:.2f},{site}", f"kitchen,smoke,smoke_density,{at},0.2,{site}"]
    source.write_text("\n".join(lines) + "\n")
    pages = {}
    for name, registry in (("bare", None), ("campus", load_registry(campus))):
        detect_file(source, tmp_path / f"{name}.csv", campus=registry)
        with (tmp_path / f"{name}.csv").open(newline="") as file:
            pages[name] = {(row["sensor"], row["level"]) for row in csv.DictReader(file) if row["page"] == "true"}
    assert pages == {"bare": {("kitchen", "2")}, "campus": {("pond", "2")}}


def test_the_page_of_a_detection_is_the_decision_of_its_rule(tmp_path: Path) -> None:
    """`score` counts the pages that `detect` states: a level without a page is none, whatever the level."""
    source, target, truth = tmp_path / "in.csv", tmp_path / "out.csv", tmp_path / "truth.json"
    lines = ["sensor,kind,metric,time,value"]
    lines += [f"cam,camera,blind,2026-09-01T02:{n:02}:00Z,{int(n > 5)}" for n in range(40)]
    source.write_text("\n".join(lines) + "\n")
    detect_file(source, target)
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["level"], row["page"], row["phase"]) for row in rows] == [
        ("1", "false", "raise"), ("2", "false", "change"),
    ]  # fmt: skip
    span = {"begin": "2026-09-01T02:00:00Z", "end": "2026-09-01T02:40:00Z"}
    window = {"affected_devices": ["cam"], "kind": "camera_blind", "onset": span["begin"], "end": span["end"]}
    window |= {"harm_at": None, "must_page": False, "must_not_page": True}
    truth.write_text(json.dumps({"span": span, "sensors": 1, "intervals": [window]}))
    assert score_files(target, truth)["must_not_page_paged"] == 0
    target.write_text(target.read_text().replace("false,change\n", "true,change\n"))
    assert score_files(target, truth)["must_not_page_paged"] == 1
