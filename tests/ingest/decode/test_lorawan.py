"""The LoRaWAN table: users' rows win, and a wrong row is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import TableError
from ingest.decode import Reading, load_table
from ingest.decode.units import convert

STAMP = Reading("a", "device", "", 0.0, "")
ROW = '[[mapping]]\nprofile = "EM500-SWL"\nkey = "depth"\nkind = "water"\nmetric = "depth"\n'


def test_row_of_the_user_wins(tmp_path: Path) -> None:
    """A profile's key laid over ours; its other keys stay."""
    (tmp_path / "own.toml").write_text(ROW + 'unit = "mm"\nfactor = 2\n')
    table = load_table().extended(load_table(tmp_path / "own.toml"))
    meaning = table.interpret("EM500-SWL", {"depth": 50, "battery": 9}, STAMP)
    assert [(reading.metric, reading.value) for reading in meaning.readings] == [("depth", 0.1), ("battery", 9.0)]


@pytest.mark.parametrize(
    "extra", ['unit = "V"\n', 'colour = "red"\n', "= 1\n", 'factor = "two"\n', "values = [1]\n", 'kind = "water"\n']
)
def test_wrong_row_is_refused(tmp_path: Path, extra: str) -> None:
    """A unit of another quantity, an unknown word, no TOML."""
    (tmp_path / "own.toml").write_text(ROW + extra)
    with pytest.raises(TableError):
        load_table(tmp_path / "own.toml")


@pytest.mark.parametrize(
    "row", ["mapping = 3", "mapping = [3]", "[[mapping]]", '[[mapping]]\nprofile = "a"\nkey = "b"\nmetric = 3']
)
def test_table_of_the_wrong_shape_is_refused(tmp_path: Path, row: str) -> None:
    """Neither rows nor the needed keys."""
    (tmp_path / "own.toml").write_text(row)
    with pytest.raises(TableError):
        load_table(tmp_path / "own.toml")


@given(value=st.floats(-1e6, 1e6))
def test_conversion_keeps_what_is_canonical(value: float) -> None:
    """A value in its own unit is untouched; a thousand times smaller in mm; no m in V."""
    assert convert(value, "m", "m") == value
    assert convert(value, "mm", "m") == pytest.approx(value / 1_000, abs=1e-11)
    assert convert(value, "V", "m") is None
