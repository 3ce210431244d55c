"""Reports of a score."""

from __future__ import annotations

from detectors.qualification import Alarm, TruthFile, Window, score


def test_table_and_json_show_every_metric() -> None:
    """The table has a line per metric and per hazard; a metric without data is a dash."""
    report = score([Alarm("a", "fire", 110.0)], TruthFile((Window(("a",), "fire", 100.0, 200.0),), None))
    fields = report.to_json()
    lines = report.table().splitlines()
    assert [line.split()[0] for line in lines] == [*(name for name in fields if name != "by_hazard"), "fire"]
    shown = {line.split()[0]: line.split()[1] for line in lines}
    assert (shown["recall"], shown["delay_mean_s"], shown["false_alarms_per_sensor_week"]) == ("1", "10", "-")
    assert fields["by_hazard"] == {"fire": {"windows": 1, "recall": 1.0, "delay_median_s": 10.0}}
