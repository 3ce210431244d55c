"""Recording: any order of rows, byte order mark, times out of range, bad rows by line, labels."""

from __future__ import annotations

import random
import tempfile
import warnings
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import Catalog, Quality, TelemetryBatch, concat
from twinward.commands import recording_rows
from twinward.commands.detect import detect_file
from twinward.commands.recording import Summary, read_recording
from twinward.commands.recording_rows import ROW, sorted_by_time
from twinward.commands.recording_times import Times
from twinward.errors import InputError

HEADER = "sensor,kind,metric,time,value"


def write(path: Path, *rows: str, header: str = HEADER, start: str = "") -> Path:
    """Write a recording."""
    path.write_text(start + "\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def read(path: Path) -> tuple[TelemetryBatch, Summary, Catalog]:
    """Return all readings of a recording."""
    catalog, summary = Catalog(), Summary()
    return concat(list(read_recording(path, catalog, summary))), summary, catalog


def test_rows_in_any_order_give_the_same_readings(tmp_path: Path) -> None:
    """Shuffled rows are the same recording, over several batches; rows of one time keep their order."""
    rows = [f"s{i % 7},env,temperature,{1_756_692_000_000 + i // 3 * 500},{i}" for i in range(10_000)]
    wanted, _, _ = read(write(tmp_path / "ordered.csv", *rows))
    mixed = sorted(rows, key=lambda row: random.Random(row).random())  # noqa: S311 - a seeded order
    found, summary, catalog = read(write(tmp_path / "mixed.csv", *mixed))
    assert (summary.rows, summary.bad_rows) == (10_000, 0)
    assert (np.diff(found.time_ns) >= 0).all()
    assert found.arrival_ns.tolist() == found.time_ns.tolist()
    assert sorted(zip(found.time_ns.tolist(), found.value.tolist(), strict=True)) == sorted(
        zip(wanted.time_ns.tolist(), wanted.value.tolist(), strict=True)
    )
    ids = [catalog[int(code)].id for code in found.sensor]
    assert all(name == f"s{int(value) % 7}" for name, value in zip(ids, found.value, strict=True))


@given(times=st.lists(st.integers(0, 40), min_size=1, max_size=400))
def test_merged_runs_are_a_stable_sort(times: list[int]) -> None:
    """Rows of many runs and spans come in order of time, and rows of one time in the order of the file."""
    rows = np.zeros(len(times), ROW)
    rows["time_ns"], rows["row"] = times, np.arange(len(times))
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryFile() as spool:
        for name, size in {"RUN_ROWS": 37, "SPAN_ROWS": 20, "SAMPLE_ROWS": 5, "BATCH_ROWS": 16}.items():
            patch.setattr(recording_rows, name, size)
        rows.tofile(spool)
        found = list(sorted_by_time(spool))
    assert [len(part) for part in found[:-1]] == [16] * (len(found) - 1)
    assert np.concatenate(found)["row"].tolist() == np.argsort(rows["time_ns"], kind="stable").tolist()


def test_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    """A file written by a spreadsheet has its first column."""
    found, _, _ = read(write(tmp_path / "in.csv", "a,env,temperature,2026-09-01T00:00:02Z,1", start="\ufeff"))
    assert found.value.tolist() == [1.0]


@pytest.mark.parametrize(
    "time", ["1969-12-31T23:59:59Z", "2263-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "-5", "1e300", "soon", "", "nan"]
)
def test_bad_time_is_counted_with_its_line(tmp_path: Path, time: str) -> None:
    """A time out of range or of no form is one bad row; the rows around it count."""
    good = "a,env,temperature,2026-09-01T00:00:0{}Z,1"
    path = write(tmp_path / "in.csv", good.format(1), f"a,env,temperature,{time},1", good.format(2))
    found, summary, _ = read(path)
    assert len(found) == 2
    assert (summary.rows, summary.bad_rows) == (3, 1)
    assert summary.errors[0].startswith(f"line 3: time '{time}'")
    assert "allowed are" in summary.errors[0]


def test_valid_ranges_apply_as_in_the_service(tmp_path: Path) -> None:
    """A value outside the range of its metric is a fault, never evidence of a hazard."""
    rows = ["a,smoke,temperature,2026-09-01T00:00:01Z,21", "a,smoke,temperature,2026-09-01T00:00:02Z,9999"]
    found, summary, _ = read(write(tmp_path / "in.csv", *rows))
    assert found.quality.tolist() == [Quality.GOOD, Quality.FAULT]
    assert summary.bad_rows == 0


def test_bad_rows_cost_only_themselves(tmp_path: Path) -> None:
    """Good rows of a chunk with bad ones are read, also without the optional fields at their end."""
    header = f"{HEADER},quality,label"
    rows = [
        "a,camera,object_present,2026-09-01T00:00:01Z,1,good,fire",
        "a,camera,object_present,2026-09-01T00:00:02Z,x,good,fire",
        "a,camera,object_present,2026-09-01T00:00:03Z,1",
        "a,camera",
        "a,camera,object_present,2026-09-01T00:00:04Z,1,best,fire",
        "a,camera,tick,2026-09-01T00:00:05Z,1,,",
        "a,camera,object_present,2026-09-01T00:00:06Z,1,test,smoke",
    ]
    found, summary, _ = read(write(tmp_path / "in.csv", *rows, header=header))
    assert [error.partition(":")[0] for error in summary.errors] == ["line 3", "line 5", "line 6", "line 7"]
    assert found.quality.tolist() == [Quality.GOOD, Quality.GOOD, Quality.TEST]
    assert dict(found.attributes) == {0: {"label": "fire"}, 2: {"label": "smoke"}}


def test_events_and_profiles_are_read(tmp_path: Path) -> None:
    """Labels follow their rows through the sorting; place and profile belong to the sensor."""
    header = f"{HEADER},place,profile,label,state,zone,track"
    rows = [
        "c,camera,object_present,2026-09-01T00:00:02Z,0,pond,waterside,person,end,bank,7",
        "c,camera,object_present,2026-09-01T00:00:01Z,1,pond,waterside,person,start,bank,7",
    ]
    found, _, catalog = read(write(tmp_path / "in.csv", *rows, header=header))
    assert [found.attributes[row]["phase"] for row in (0, 1)] == ["start", "end"]
    assert found.attributes[0] == {"label": "person", "phase": "start", "zone": "bank", "track": "7"}
    known = catalog[int(found.sensor[0])]
    assert (known.place, known.profile) == ("pond", "waterside")


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000, 1_000_000_000])
def test_unit_of_numbers_is_that_of_the_first(tmp_path: Path, unit: int) -> None:
    """Seconds, milliseconds, microseconds and nanoseconds are recognised; small numbers are milliseconds."""
    rows = [f"a,env,temperature,{1_756_692_000 * unit + step * unit},1" for step in range(3)]
    found, _, _ = read(write(tmp_path / "in.csv", *rows))
    assert found.time_ns.tolist() == [(1_756_692_000 + step) * 10**9 for step in range(3)]


@given(
    st.lists(st.datetimes(datetime(1971, 1, 1), datetime(2261, 12, 31)), min_size=1, max_size=20),  # noqa: DTZ001
    st.sampled_from(("Z", "+00:00", "+08:00", "-03:30", "")),
    st.integers(0, 6),
    st.sampled_from(("T", " ")),
)
def test_columns_of_times_equal_single_times(moments: list[datetime], zone: str, digits: int, between: str) -> None:
    """The reading by column gives the same times as row by row, for every form of RFC 3339."""
    column = [
        f"{moment:%Y-%m-%d}{between}{moment:%H:%M:%S}" + (f".{moment:%f}"[: digits + 1] if digits else "") + zone
        for moment in moments
    ]
    times = Times()
    fixed = times._fixed(column)
    assert fixed is not None
    assert fixed.tolist() == [times.one(text) for text in column]


@pytest.mark.parametrize("text", ["2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:01Z", "2026-1-01"])
def test_column_with_an_impossible_date_is_refused(text: str) -> None:
    """An impossible date is never another date."""
    with warnings.catch_warnings(), pytest.raises(ValueError, match="allowed are"):
        Times().read(["2026-01-01T00:00:00Z", text])


@pytest.mark.parametrize("link", [Path.hardlink_to, Path.symlink_to, None])
def test_output_that_is_the_input_is_refused(tmp_path: Path, link: object) -> None:
    """No path to the input, also by a link, is written to."""
    source = write(tmp_path / "in.csv", "a,env,temperature,2026-09-01T00:00:02Z,1")
    before = source.read_bytes()
    target = source
    if callable(link):
        target = tmp_path / "out.csv"
        link(target, source)
    with pytest.raises(InputError, match="the output is the input"):
        detect_file(source, target)
    assert source.read_bytes() == before


def test_failed_run_leaves_the_former_output(tmp_path: Path) -> None:
    """The output is replaced whole or not at all, and nothing else stays in its folder."""
    target = tmp_path / "out.csv"
    target.write_text("former")
    with pytest.raises(InputError):
        detect_file(tmp_path / "missing.csv", target)
    assert target.read_text() == "former"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_zone_of_a_moment_counts() -> None:
    """A time with an offset is that moment."""
    moment = datetime(2026, 9, 1, 8, tzinfo=timezone(timedelta(hours=8)))
    assert Times().read([moment.isoformat()]).tolist() == [int(moment.astimezone(UTC).timestamp()) * 10**9]
