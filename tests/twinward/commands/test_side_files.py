"""Files of scores, forecasts and counts beside the detections."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors import Count, Forecast, LimitForecast, Outputs, Score
from ingest import METRIC_BY_NAME, Catalog
from twinward.commands.detect import detect_file
from twinward.commands.side_files import SideFiles, written_beside
from twinward.errors import InputError

LEVEL = METRIC_BY_NAME["level"].code


def test_results_are_written_as_rows(tmp_path: Path) -> None:
    """A reading has its highest score; a forecast states either a moment or the time to a limit."""
    files = SideFiles(tmp_path / "s.csv", tmp_path / "f.csv", tmp_path / "c.csv")
    catalog, outputs = Catalog(), files.outputs()
    gauge = catalog.code("school", "gauge", "water")
    with written_beside(files, outputs, catalog, tmp_path / "in.csv") as write:
        assert outputs.scores is not None
        assert outputs.forecasts is not None
        assert outputs.counts is not None
        outputs.scores += [Score(gauge, LEVEL, 1_000_000_000, 0.25), Score(gauge, LEVEL, 1_000_000_000, 0.5)]
        outputs.forecasts += [
            Forecast(gauge, LEVEL, 0, 1.0, 2.0, 0.8),
            LimitForecast(gauge, LEVEL, 0, 3, 0, 10**9, 0.8, 10**8),
        ]
        outputs.counts += [Count("hall", 0, 12.5)]
        write()
        assert outputs == Outputs([], [], [])
    lines = [path.read_text().splitlines()[1:] for path in (files.scores, files.forecasts, files.counts) if path]
    assert lines == [
        ["gauge,level,1970-01-01T00:00:01.000Z,0.500000"],
        [
            "gauge,level,1970-01-01T00:00:00.000Z,1,2,0.8,,",
            "gauge,level,,1970-01-01T00:00:00.000Z,1970-01-01T00:00:01.000Z,0.8,1970-01-01T00:00:00.000Z,3",
        ],
        ["hall,1970-01-01T00:00:00.000Z,12.50"],
    ]


def test_nothing_is_collected_that_nobody_asks_for() -> None:
    """Without a file there is no list."""
    assert SideFiles().outputs() == Outputs(None, None, None)


def test_two_outputs_in_one_file_are_refused(tmp_path: Path) -> None:
    """The error names the file, and nothing is written."""
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("sensor,kind,metric,time,value\n")
    with pytest.raises(InputError, match=r"out\.csv: two outputs are one file"):
        detect_file(source, target, beside=SideFiles(scores=target))
    assert not target.exists()
