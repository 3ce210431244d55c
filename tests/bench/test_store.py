"""Benchmark of the store: column forms against row forms."""

from __future__ import annotations

from twinward.bench import store


def test_columns_beat_rows() -> None:
    """In a short run over few rows every case has a result, and column forms are several times faster."""
    rows = {row["case"]: row for row in store.run(seconds=0.3, rows=200_000)}
    cases = {"log_blocks", "log_read", "duckdb_columns", "duckdb_write_days", "duckdb_sort_days"}
    cases |= {"read_one_sensor", "downsample_one_sensor", "mean_of_a_kind"}
    assert set(rows) - {"influxdb_lines"} == cases
    if "influxdb_lines" in rows:  # if its server is installed
        assert rows["influxdb_lines"]["ratio_to_row_by_row"] > 5
    assert all(row["rate_per_s"] > 0 and row["bench"] == "store" for row in rows.values())
    assert rows["log_blocks"]["ratio_to_row_by_row"] > 2
    assert rows["log_blocks"]["bytes_per_row"] < 7
    assert rows["duckdb_columns"]["ratio_to_row_by_row"] > 5
    assert rows["duckdb_sort_days"]["bytes_per_row"] < rows["duckdb_sort_days"]["bytes_per_row_unsorted"]
    assert all(rows[case]["ratio_to_unsorted"] > 0 for case in ("downsample_one_sensor", "mean_of_a_kind"))
