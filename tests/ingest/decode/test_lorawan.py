"""LoRaWAN table: rows of users win, and an invalid row is reported."""

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
    """A user's key overrides the packaged one; the profile's other keys stay."""
    (tmp_path / "own.toml").write_text(ROW + 'unit = "mm"\nfactor = 2\n')
    table = load_table().extended(load_table(tmp_path / "own.toml"))
    meaning = table.interpret("EM500-SWL", {"depth": 50, "battery": 9}, STAMP)
    assert [(reading.metric, reading.value) for reading in meaning.readings] == [("depth", 0.1), ("battery", 9.0)]


@pytest.mark.parametrize(
    "extra", ['unit = "V"\n', 'colour = "red"\n', "= 1\n", 'factor = "two"\n', "values = [1]\n", 'kind = "water"\n']
)
def test_an_invalid_row_is_rejected(tmp_path: Path, extra: str) -> None:
    """A unit of another quantity, an unknown word and broken TOML are errors."""
    (tmp_path / "own.toml").write_text(ROW + extra)
    with pytest.raises(TableError):
        load_table(tmp_path / "own.toml")


@pytest.mark.parametrize(
    "row", ["mapping = 3", "mapping = [3]", "[[mapping]]", '[[mapping]]\nprofile = "a"\nkey = "b"\nmetric = 3']
)
def test_a_table_of_another_shape_is_rejected(tmp_path: Path, row: str) -> None:
    """A table without rows or without required keys is an error."""
    (tmp_path / "own.toml").write_text(row)
    with pytest.raises(TableError):
        load_table(tmp_path / "own.toml")


@given(value=st.floats(-1e6, 1e6))
def test_conversion_keeps_canonical_values(value: float) -> None:
    """A value in its unit is unchanged; mm become m by a factor of 1000; V never become m."""
    assert convert(value, "m", "m") == value
    assert convert(value, "mm", "m") == pytest.approx(value / 1_000, abs=1e-11)
    assert convert(value, "V", "m") is None
