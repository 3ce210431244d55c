"""Benchmark of `backtest`: every case runs, and single rules are faster than the whole recipe."""

from __future__ import annotations

from twinward.bench.backtest import run


def test_cases_have_their_rates() -> None:
    """Three cases over one store; one rule reads fewer readings than the whole recipe."""
    one, plain, whole = run(seconds=1, rows=100_000)
    assert one["readings"] < plain["readings"] <= whole["readings"]
    assert one["bench"] == "backtest"
    assert all(row["per_cpu_s"] > 0 and row["detector_rate_per_s"] > 0 for row in (one, plain, whole))
