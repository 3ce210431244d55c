"""Benchmarks on small recordings of each format, with a known result."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from twinward.benchmarks.drawings import Drawing, Example, panel, picked
from twinward.benchmarks.goals import Goal, Measured, grades
from twinward.benchmarks.run import BENCHMARKS, document, measured
from twinward.cli import app
from twinward.errors import InputError


def write(path: Path, lines: Iterable[str]) -> None:
    """Write lines, compressed for .gz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)


def clock(second: int, *, day: int = 1) -> str:
    """Return a time of a day in January 2024."""
    return f"2024-01-{day:02d} {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def fires(folder: Path) -> None:
    """One fire that heats four heads from second 120 on, 2 K a second."""
    heads = [f"Quadrant {name} Temperature 25 mm Below Ceiling" for name in "ABCD"]
    rows = [f"{at},{clock(at)}," + ",".join([str(20 + max(0, at - 120) * 2)] * 4) for at in range(300)]
    write(folder / "one.csv.gz", ["Time,Timestamp," + ",".join(heads), *rows])
    write(folder / "windows.csv", ["sensor,start,end,hazard", f"one,{clock(120)},{clock(299)},fire"])


def homes(folder: Path) -> None:
    """One fire that heats two stations from the start, 1 K and 0.02/m in two seconds; the real alarm came at 60 s."""
    rows = [f"{2 * at},{20 + max(0, at - 5)},{20 + max(0, at - 5)},{0.02 * max(0, at - 5)}" for at in range(100)]
    write(folder / "SDC09.csv.gz", ["TIME,TCA_1,TCB_1,SMA_1", *rows])
    write(folder / "alarm_times.csv", ["test,alarm,type,station,seconds", "SDC09,Ion1A,ionization,A,60"])


def floods(folder: Path) -> None:
    """Two floods: one rises by half an inch a minute to 14, one stays at 1 inch."""
    write(
        folder / "flood-events.csv.gz",
        ["sensor_id,flood_start_time,flood_profile_time_secs,flood_profile_depth_inches"]
        + [
            f'{name},2024-01-01T00:00:00,"{json.dumps([60 * n for n in range(29)])}","{json.dumps(depths)}"'
            for name, depths in (("d", [n / 2 for n in range(29)]), ("e", [1.0] * 29))
        ],
    )


def counts(folder: Path) -> None:
    """Four equal weeks of counts, then one with a busy Tuesday."""
    rows = []
    for day in range(29):
        for slot in range(0, 86_400, 300):
            busy = day == 28 and slot > 64_800
            rows.append(f"{clock(slot, day=day + 1)},{(slot // 300) % 7 + 60 * busy},{int(day == 28)}")
    write(folder / "dodgers.csv.gz", ["timestamp,value,label", *rows])
    write(folder / "windows.csv", ["sensor,start,end,hazard", f"loop,{clock(0, day=29)},{clock(86_100, day=29)},event"])


def series(folder: Path) -> None:
    """A noisy line with one step."""
    rows = [
        f"{clock(60 * at % 86_400, day=1 + at // 1_440)},{(at * 7) % 5 + 50 * (at >= 1_500)}" for at in range(2_000)
    ]
    write(folder / "data" / "art" / "step.csv.gz", ["timestamp,value", *rows])
    window = [clock(60, day=2), clock(60 * 200, day=2)]
    write(folder / "windows.json", [json.dumps({"art/step.csv": [window]})])


def machine(folder: Path) -> None:
    """A pump whose current rises after row 600."""
    head = "datetime;Current;Pressure"
    quiet = [f"{clock(at)};{1 + at % 3 / 10};{at % 5}" for at in range(1_000)]
    write(folder / "anomaly-free" / "anomaly-free.csv.gz", [head, *quiet])
    rows = [
        f"{clock(at, day=2)};{1 + at % 3 / 10 + 5 * (at > 600)};{at % 5};{int(at > 600)};{int(at == 601)}"
        for at in range(900)
    ]
    write(folder / "other" / "1.csv.gz", [f"{head};anomaly;changepoint", *rows])


def pipes(folder: Path) -> None:
    """Two days of an hourly flow."""
    rows = [f"2024-01-{1 + at // 24:02d}T{at % 24:02d}:00:00+01:00,{100 + at % 7}" for at in range(48)]
    write(folder / "water-flow.csv", ["Time,Water flow [l/s]", *rows])


def rooms(folder: Path) -> None:
    """An office with persons from the second to the third hour."""
    head = '"date","Temperature","Humidity","Light","CO2","HumidityRatio","Occupancy"'
    rows = []
    for at in range(480):
        present = 120 <= at < 180
        co2 = 420 + 6 * max(0, min(at, 180) - 120) * 0.99 ** max(0, at - 180)
        rows.append(f'"{at}","{clock(60 * at)}",21.5,30,0,{co2},0.004,{int(present)}')
    write(folder / "datatest.csv.gz", [head, *rows])


MADE = {
    "nab": series,
    "skab": machine,
    "fsri-compartment-fires": fires,
    "nist-home-smoke-alarms": homes,
    "floodnet-events": floods,
    "dodgers-loop-counts": counts,
    "uci-occupancy": rooms,
    "river-water-flow": pipes,
}
UNMADE = {"meva-camera-events"}
"""Data sets that are measured on their recordings only."""
RECORDED = ("--simulations", "none")
BASELINE = {
    "NAB standard, strictly causal": (60, 100),
    "SKAB F1": (0.95, 1),
    "SKAB false alarm rate": (0, 5),
    "FSRI fires found": (100, 100),
    "NIST fires found no later than the first ionization alarm": (100, 100),
    "FSRI delay after ignition, median": (4, 6),
    "flood 12 in, crossings warned 10 min ahead": (100, 100),
    "flood 12 in, false warnings among warnings": (0, 0),
    "Dodgers, game days found": (100, 100),
    "occupancy without light and clock, balanced accuracy": (0.6, 0.9),
}
"""Figure -> bounds of the baseline on the recordings above."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small recording of each data set."""
    folder = tmp_path_factory.mktemp("recordings")
    for name, make in MADE.items():
        make(folder / name)
    return folder


def test_every_benchmark_measures_both_methods(data: Path) -> None:
    """The baseline has the figures that the recordings imply; the shipped recipe finds the fire."""
    assert MADE.keys() == BENCHMARKS.keys() - UNMADE
    rows = {row.goal.name: row for row in measured(data) if isinstance(row, Measured)}
    for name, (low, high) in BASELINE.items():
        assert low <= (rows[name].baseline or 0) <= high, name
    assert rows["FSRI fires found"].ours == 100
    assert rows["NIST fires found no later than the first ionization alarm"].ours == 100
    uncounted = {name for name, row in rows.items() if not row.cases}  # the crossing of 4 in comes within 10 minutes
    assert uncounted == {name for name in rows if name.startswith("flood 4 in")}


def test_the_command_writes_a_table_or_json(data: Path, tmp_path: Path) -> None:
    """The table has a row for each figure; JSON has the same figures."""
    only = tmp_path / "data" / "fsri-compartment-fires"
    only.parent.mkdir()
    only.symlink_to(data / "fsri-compartment-fires")
    path = tmp_path / "detection.md"
    assert (
        CliRunner().invoke(app, ["qualify", "--data", str(only.parent), "--output", str(path), *RECORDED]).exit_code
        == 0
    )
    table = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("| fsri")]
    shown = CliRunner().invoke(app, ["qualify", "--data", str(only.parent), "--json", *RECORDED])
    facts = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [line.split(" | ")[1].split(",")[0] for line in table] == [
        row["goal"]["name"].split(",")[0] for row in facts
    ]
    assert [row["grade"] for row in facts] == [line.split(" | ")[-1].strip(" |") for line in table]


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    """The error names the folders that are allowed."""
    with pytest.raises(InputError, match="fsri-compartment-fires"):
        list(measured(tmp_path))


def test_rows_of_a_group_have_the_lowest_grade() -> None:
    """A method that never alarms has no good false-alarm rate."""
    recall, false = Goal("recall", "", 0.8, 0.9, 1, group="g"), Goal("false", "", 1, 0.5, 0.1, larger=False, group="g")
    rows = [Measured("d", recall, 0.0, None, 3), Measured("d", false, 0.0, None, 3)]
    assert grades(rows) == ["missed", "missed"]
    assert "| d | recall | 0 |  |  | 0.8 | 0.9 | 1 | 3 | missed |" in document(rows)


def test_plots_lie_beside_the_document(tmp_path: Path) -> None:
    """A plot is written as a file, and the document refers to it; an unknown simulation is refused."""
    drawing = Drawing("one", "A rise", (panel("gauge", "m", [(0, 1), (60, 2)], [(30, 60)], [45]),))
    assert drawing.save(tmp_path).read_bytes().startswith(b"\x89PNG")
    assert "![A rise](detection/one.png)" in document([], [(drawing, "detection/one.png")])
    refused = CliRunner().invoke(app, ["qualify", "--data", str(tmp_path), "--simulations", "weather"])
    assert refused.exit_code
    assert "weather" in refused.output + str(refused.exception)


def test_a_plot_has_recordings_with_a_hit_a_miss_and_a_false_alarm() -> None:
    """The caption counts over all recordings; a kind without a case has no panel."""
    points = [(0.0, 1.0), (100.0, 2.0)]
    hit = Example("hit", "m", points, [(40, 60)], [35, 55], early_s=10)
    miss = Example("miss", "m", points, [(40, 60)], [])
    false = Example("false", "m", points, [], [5, 9])
    drawing = picked("one", "Gauges", [hit, miss, false])
    assert [one.title for one in drawing.panels] == ["found: hit", "missed: miss", "false alarm: false"]
    assert drawing.caption == "Gauges: 1 windows found, 1 missed, 2 alarms outside of them"
    assert [one.title for one in picked("two", "Gauges", [hit]).panels] == ["found: hit"]


def test_a_document_names_its_command_and_what_it_leaves_out() -> None:
    """A part of the simulations is in the command; the others are named."""
    text = document([], simulations=["gates"])
    assert "--simulations gates\n" in text
    assert "without bank, door-counts" in text
    assert document([]).startswith("# Detection\n\nMade from recorded data, without bank,")
