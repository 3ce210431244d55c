"""Score on cases made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulators import TruthInvalid, build_campus, load_scenario, plan, truth_json
from simulators.truth.score import Alarm, Forecast, TruthFile, Window, score
from simulators.truth.score_files import plot_files, read_truth, score_files

WEEK_S = 604_800.0


def truth(*windows: Window, observed_s: float | None = None) -> TruthFile:
    """A truth of these windows."""
    return TruthFile(windows, observed_s)


def test_all_metrics_of_a_case_made_by_hand() -> None:
    """Two of three windows found after 10 and 30 s, one false alarm in two sensor-weeks."""
    windows = (
        Window(("a",), "fire", 100, 200, harm_s=150),
        Window(("a",), "fire", 5000, 5100, harm_s=5020),
        Window(("b",), "fire", 100, 200),
    )
    alarms = [Alarm("a", "fire", 110), Alarm("a", "fire", 5030), Alarm("b", "fire", 90_000)]
    report = score(alarms, truth(*windows, observed_s=2 * WEEK_S))
    assert (report.windows, report.found, report.alarms, report.false_alarms) == (3, 2, 3, 1)
    assert report.recall == pytest.approx(2 / 3)
    assert report.precision == pytest.approx(2 / 3)
    assert report.false_alarms_per_sensor_week == pytest.approx(0.5)
    assert (report.delay_mean_s, report.delay_median_s) == (20, 20)
    assert report.delay_p95_s == pytest.approx(29)
    assert report.lead_p50_s == 20
    assert report.lead_p10_s == pytest.approx(4)
    assert report.by_hazard["fire"]["windows"] == 3


def test_repeats_are_one_alarm_and_a_run_counts_once() -> None:
    """Alarms that follow each other within the merge time are one; a run that reaches into a window is inside."""
    alarms = [Alarm("a", "fire", at) for at in (0, 300, 600, 5000)]
    report = score(alarms, truth(Window(("a",), "fire", 500, 700)))
    assert (report.alarms, report.false_alarms, report.found) == (2, 1, 1)
    assert report.delay_mean_s == 100


def test_early_and_grace_widen_a_window() -> None:
    """An alarm just before or after counts only when that is allowed."""
    window = truth(Window(("a",), "fire", 100, 200))
    assert score([Alarm("a", "fire", 95)], window).found == 0
    assert score([Alarm("a", "fire", 95)], window, early_s=5).found == 1
    assert score([Alarm("a", "fire", 205)], window, grace_s=5).found == 1


def test_alarm_of_another_sensor_or_hazard_does_not_count() -> None:
    """The sensor always matters, the hazard when it is asked for."""
    window = truth(Window(("a",), "fire", 100, 200))
    assert score([Alarm("b", "fire", 150)], window).found == 0
    assert score([Alarm("a", "flood", 150)], window).found == 1
    assert score([Alarm("a", "flood", 150)], window, match_hazard=True).found == 0


def test_nuisance_window_makes_its_alarm_false() -> None:
    """Cooking that pages is a false alarm and no event."""
    report = score([Alarm("k", "fire", 150)], truth(Window(("k",), "cooking", 100, 200, nuisance=True)))
    assert (report.windows, report.false_alarms, report.recall) == (0, 1, None)


def test_nothing_to_measure_gives_none() -> None:
    """No number is invented."""
    report = score([], truth())
    assert report.recall is None
    assert report.precision is None
    assert report.delay_mean_s is None
    assert "recall" in report.table()


def test_files_of_both_kinds_are_read(tmp_path: Path) -> None:
    """Windows as CSV with naive times, detections with offsets, span as a file."""
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
    """The windows of the truth file are the scenario's intervals, harm and nuisance included."""
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


def test_bad_lines_are_told_together(tmp_path: Path) -> None:
    """Each unreadable time with its line; missing columns by name."""
    (tmp_path / "w.csv").write_text("sensor,start,end\nx,soon,later\ny,2026-01-01,2026-01-02\nz,2026-01-01,never\n")
    with pytest.raises(TruthInvalid) as caught:
        read_truth(tmp_path / "w.csv")
    assert [finding.split(":")[0] for finding in caught.value.findings] == ["line 2", "line 2", "line 4"]
    (tmp_path / "v.csv").write_text("sensor\n")
    with pytest.raises(TruthInvalid, match="start, end"):
        read_truth(tmp_path / "v.csv")


def test_pages_are_held_against_what_must_and_must_not_page() -> None:
    """An early hint, a drill and a cleared alarm page nobody."""
    windows = (
        Window(("a",), "fire", 100, 200, must_page=True),
        Window(("b",), "fire", 100, 200, must_page=True),
        Window(("k",), "cooking", 100, 200, nuisance=True),
    )
    alarms = [Alarm("a", "fire", 110, 2), Alarm("b", "fire", 110, 1), Alarm("b", "fire", 120, 3, drill=True)]
    report = score([*alarms, Alarm("k", "fire", 150, 2)], truth(*windows))
    assert (report.must_page, report.must_page_paged) == (2, 1)
    assert (report.must_not_page, report.must_not_page_paged) == (1, 1)
    assert score([Alarm("k", "fire", 150, 1)], truth(*windows)).must_not_page_paged == 0


def test_operator_load_counts_merged_alarms_in_ten_minutes() -> None:
    """Twelve alarms in one slot of six are a flood in a sixth of the time."""
    alarms = [Alarm(f"s{number}", "fire", 700 + number) for number in range(12)] + [Alarm("s0", "fire", 705)]
    report = score(alarms, TruthFile((), None, (0, 3600)))
    assert report.load_mean_per_10min == 2
    assert report.load_max_per_10min == 12
    assert report.load_flood_share == pytest.approx(1 / 6)
    assert score(alarms, truth()).load_max_per_10min is None


def test_interval_coverage_looks_at_what_was_measured() -> None:
    """Between readings the signal is interpolated; a forecast beyond them counts nowhere."""
    signal = {("p", "level"): [(0.0, 1.0), (100.0, 2.0)]}
    forecasts = [
        Forecast("p", "level", 50, 1.4, 1.6, 0.9),
        Forecast("p", "level", 50, 1.6, 1.8, 0.9),
        Forecast("p", "level", 500, 0, 9, 0.9),
        Forecast("q", "level", 50, 0, 9, 0.9),
    ]
    report = score([], truth(), forecasts=forecasts, signal=signal)
    assert (report.forecasts, report.interval_coverage) == (2, 0.5)
    assert report.interval_stated == pytest.approx(0.9)
    assert report.interval_width == pytest.approx(0.2)


def test_a_picture_shows_truth_and_alarms_over_the_signal(tmp_path: Path) -> None:
    """From files to a file; a bad number is told with its line."""
    (tmp_path / "signal.csv").write_text(
        "sensor,metric,time,value\n" + "".join(f"a,co,2026-11-03T00:{n:02}:00Z,{n}\n" for n in range(60))
    )
    (tmp_path / "truth.csv").write_text("sensor,start,end,hazard\na,2026-11-03T00:10:00Z,2026-11-03T00:20:00Z,fire\n")
    (tmp_path / "found.csv").write_text("sensor,decided,hazard,level\na,2026-11-03T00:12:00Z,fire,2\n")
    files = [tmp_path / name for name in ("found.csv", "truth.csv", "signal.csv", "out.png")]
    assert plot_files(*files).stat().st_size > 5_000
    (tmp_path / "signal.csv").write_text("sensor,metric,time,value\na,co,2026-11-03T00:00:00Z,much\n")
    with pytest.raises(TruthInvalid, match="line 2: value 'much'"):
        plot_files(*files)
