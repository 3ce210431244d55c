"""Score: metrics of cases whose values are known."""

from __future__ import annotations

import pytest

from detectors.qualification import Alarm, Forecast, TruthFile, Window, score

WEEK_S = 604_800.0


def truth(*windows: Window, observed_s: float | None = None) -> TruthFile:
    """Return a truth of these windows."""
    return TruthFile(windows, observed_s)


def test_metrics_of_a_small_case_equal_those_computed_by_hand() -> None:
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
    """Alarms within the merge time are one; a merged alarm that reaches into a window is inside."""
    alarms = [Alarm("a", "fire", at) for at in (0, 300, 600, 5000)]
    report = score(alarms, truth(Window(("a",), "fire", 500, 700)))
    assert (report.alarms, report.false_alarms, report.found) == (2, 1, 1)
    assert report.delay_mean_s == 100


def test_early_and_grace_widen_a_window() -> None:
    """An alarm just before or after a window counts only with early_s or grace_s."""
    window = truth(Window(("a",), "fire", 100, 200))
    assert score([Alarm("a", "fire", 95)], window).found == 0
    assert score([Alarm("a", "fire", 95)], window, early_s=5).found == 1
    assert score([Alarm("a", "fire", 205)], window, grace_s=5).found == 1


def test_alarm_of_another_sensor_or_hazard_does_not_count() -> None:
    """The sensor always has to match, the hazard only with match_hazard."""
    window = truth(Window(("a",), "fire", 100, 200))
    assert score([Alarm("b", "fire", 150)], window).found == 0
    assert score([Alarm("a", "flood", 150)], window).found == 1
    assert score([Alarm("a", "flood", 150)], window, match_hazard=True).found == 0


def test_nuisance_window_makes_its_alarm_false() -> None:
    """Cooking that pages is a false alarm and no event."""
    report = score([Alarm("k", "fire", 150)], truth(Window(("k",), "cooking", 100, 200, nuisance=True)))
    assert (report.windows, report.false_alarms, report.recall) == (0, 1, None)


def test_nothing_to_measure_gives_none() -> None:
    """A metric without data is None, not zero."""
    report = score([], truth())
    assert report.recall is None
    assert report.precision is None
    assert report.delay_mean_s is None
    assert "recall" in report.table()


def test_pages_are_counted_in_windows_that_must_and_must_not_page() -> None:
    """A detection of level 1 and a drill page nobody."""
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
    """Twelve alarms in one of six intervals are a flood in a sixth of the time."""
    alarms = [Alarm(f"s{number}", "fire", 700 + number) for number in range(12)] + [Alarm("s0", "fire", 705)]
    report = score(alarms, TruthFile((), None, (0, 3600)))
    assert report.load_mean_per_10min == 2
    assert report.load_max_per_10min == 12
    assert report.load_flood_share == pytest.approx(1 / 6)
    assert score(alarms, truth()).load_max_per_10min is None


def test_interval_coverage_compares_with_the_measured_values() -> None:
    """The signal is interpolated between readings; a forecast outside of them does not count."""
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
