"""The store benchmark measures what it says, and columns beat rows by far."""

from __future__ import annotations

import pytest

from twinward.bench import store


def test_columns_beat_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short run over few rows: every case speaks, and the column forms are several times faster."""
    monkeypatch.setattr(store, "READ_ROWS", 50_000)
    rows = {row["case"]: row for row in store.run(seconds=0.3)}
    cases = {"log_blocks", "log_read", "duckdb_columns", "read_one_sensor", "downsample_one_sensor"}
    assert set(rows) - {"influxdb_lines"} == cases
    if "influxdb_lines" in rows:  # where its server is
        assert rows["influxdb_lines"]["ratio_to_row_by_row"] > 5
    assert all(row["rate_per_s"] > 0 and row["bench"] == "store" for row in rows.values())
    assert rows["log_blocks"]["ratio_to_row_by_row"] > 2
    assert rows["log_blocks"]["bytes_per_row"] < 7
    assert rows["duckdb_columns"]["ratio_to_row_by_row"] > 5
