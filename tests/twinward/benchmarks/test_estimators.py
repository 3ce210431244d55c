"""Scores of single estimators on a small corpus in the form of the Numenta benchmark."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from twinward.benchmarks import estimators

ROWS, LEAP = 1200, 1000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Return two series of different sources, each with a leap inside its window."""
    random, windows = np.random.default_rng(2), {}
    for name in ("realAdExchange/one-1_cpc_results.csv", "realTraffic/speed_7578.csv"):
        values = 20 + np.sin(np.arange(ROWS) / 30) + random.normal(0, 0.1, ROWS)
        values[LEAP:] += 40
        stamps = [(BEGIN + timedelta(minutes=5 * row)).strftime("%Y-%m-%d %H:%M:%S") for row in range(ROWS)]
        file = tmp_path / "data" / f"{name}.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{stamp},{value:.4f}" for stamp, value in zip(stamps, values, strict=True)]
        file.write_bytes(gzip.compress("\n".join(["timestamp,value", *lines]).encode()))
        windows[name] = [[stamps[LEAP - 40], stamps[LEAP + 80]]]
    (tmp_path / "windows.json").write_text(json.dumps(windows), "utf-8")
    return tmp_path


def test_each_type_has_the_scores_of_both_halves(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A leap is found in both halves by the estimators of deviations; every type has a row."""
    found = {name: (first, second) for name, first, second, _ in estimators.scores(corpus, [("own_tail",), ("dspot",)])}
    assert set(found) == {"own_tail", "dspot"}
    assert min(found["own_tail"]) > 0
    estimators.main(str(corpus))
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "unusual+excess",
        *estimators.KINDS,
    ]
