"""Readers of scored files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detectors import ScoreInputError
from detectors.qualification import read_alarms, read_forecasts, read_truth, score_files
from simulators import build_campus, load_scenario, plan, truth_json


def test_files_of_both_kinds_are_read(tmp_path: Path) -> None:
    """Windows are CSV with naive times, detections have offsets, the span is a file."""
    (tmp_path / "d.csv").write_text(
        "sensor,metric,first,last,decided,score,detector,hazard,text\n"
        "x,co,2026-01-01T00:00:00Z,2026-01-01T00:00:00Z,2026-01-01T00:00:30Z,1,t,fire,smoke\n"
    )
    (tmp_path / "w.csv").write_text("sensor,start,end,hazard\nx,2026-01-01 00:00:10,2026-01-01 00:01:00,fire\n")
    (tmp_path / "s.csv").write_text("sensor,start,end\nx,2026-01-01 00:00:00,2026-01-08 00:00:00\n")
    report = score_files(tmp_path / "d.csv", tmp_path / "w.csv", span=tmp_path / "s.csv")
    assert (report.recall, report.precision, report.delay_mean_s) == (1, 1, 20)
    assert report.false_alarms_per_sensor_week == 0


def test_truth_of_a_scenario_is_read_back(tmp_path: Path) -> None:
    """The windows of a truth file are the scenario's intervals, with their time of harm."""
    world = plan(load_scenario("S1"), build_campus())
    text = truth_json(world.truths(), scenario="S1", seed=1, span_ms=world.span_ms, sensors=10)
    (tmp_path / "t.json").write_text(text)
    read = read_truth(tmp_path / "t.json")
    (interval,) = world.truths()
    assert read.observed_s == 10 * 10_800
    assert read.windows[0].start_s * 1000 == interval.onset_ms
    assert interval.harm_at_ms is not None
    assert read.windows[0].harm_s == interval.harm_at_ms / 1000
    assert json.loads(text)["scenario"] == "S1"


def test_bad_lines_are_reported_together(tmp_path: Path) -> None:
    """The error lists each unreadable time with its line, and missing columns by name."""
    (tmp_path / "w.csv").write_text("sensor,start,end\nx,soon,later\ny,2026-01-01,2026-01-02\nz,2026-01-01,never\n")
    with pytest.raises(ScoreInputError) as caught:
        read_truth(tmp_path / "w.csv")
    assert [fault.split(":")[0] for fault in caught.value.faults] == ["line 2", "line 2", "line 4"]
    (tmp_path / "v.csv").write_text("sensor\n")
    with pytest.raises(ScoreInputError, match="start, end"):
        read_truth(tmp_path / "v.csv")


def test_alarms_without_a_level_page_and_come_in_order_of_decision(tmp_path: Path) -> None:
    """A file without the columns level and drill holds alarms of the highest level."""
    (tmp_path / "d.csv").write_text("sensor,decided\nb,2026-01-02\na,2026-01-01\n")
    alarms = read_alarms(tmp_path / "d.csv")
    assert [(alarm.sensor, alarm.level, alarm.drill) for alarm in alarms] == [("a", 3, False), ("b", 3, False)]
    (tmp_path / "d.csv").write_text("sensor,decided,level,drill\na,2026-01-01,high,true\n")
    with pytest.raises(ScoreInputError, match="line 2: level 'high': allowed is a number"):
        read_alarms(tmp_path / "d.csv")


def test_share_of_a_forecast_is_optional(tmp_path: Path) -> None:
    """An empty share is none; an empty bound is an error."""
    path = tmp_path / "f.csv"
    path.write_text("sensor,metric,at,low,high,share\np,level,2026-01-01,1,2,\np,level,2026-01-01,1,2,0.9\n")
    assert [forecast.share for forecast in read_forecasts(path)] == [None, 0.9]
    path.write_text("sensor,metric,at,low,high\np,level,2026-01-01,,2\n")
    with pytest.raises(ScoreInputError, match="line 2: low ''"):
        read_forecasts(path)


def test_unreadable_files_raise_the_error_of_the_package(tmp_path: Path) -> None:
    """A missing file and a JSON that is no truth name the file."""
    (tmp_path / "t.json").write_text('{"intervals": 5}')
    for path in (tmp_path / "missing.csv", tmp_path / "t.json"):
        with pytest.raises(ScoreInputError, match=path.name):
            read_truth(path)


def test_long_lists_of_faults_are_cut(tmp_path: Path) -> None:
    """The message shows fifty faults and counts the rest; the attribute keeps all."""
    (tmp_path / "w.csv").write_text("sensor,start,end\n" + "x,soon,2026-01-01\n" * 60)
    with pytest.raises(ScoreInputError, match="and 10 more") as caught:
        read_truth(tmp_path / "w.csv")
    assert len(caught.value.faults) == 60
