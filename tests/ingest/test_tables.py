"""Reader of TOML tables: errors name file, key path, value and allowed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, nan
from pathlib import Path
from typing import Annotated, Any

import pytest
from annotated_types import Interval
from hypothesis import given
from hypothesis import strategies as st

from ingest import FilledText, Reads, TableReader, load_toml, one_of


@dataclass(frozen=True)
class Valve:
    """A row inside a row."""

    bar: Annotated[float, Interval(gt=0, le=16)]


@dataclass(frozen=True)
class Tank:
    """A row with a field of each form."""

    name: FilledText
    litres: Annotated[float, Interval(ge=0, le=100)] = 1.0
    count: int = 0
    kind: Annotated[str, one_of(("steel", "glass"))] = "steel"
    code: Annotated[int, Reads(lambda text: int(text, 16), "a hexadecimal text")] = 0
    xy: tuple[float, float] = (0.0, 0.0)
    tags: frozenset[str] = frozenset()
    valves: tuple[Valve, ...] = ()
    limits: Mapping[str, Annotated[float, Interval(ge=0)]] = field(default_factory=dict)
    open: bool = False
    period: float | None = None


def errors(*rows: Any, **options: Any) -> list[str]:
    """Return the errors of [[tank]] rows."""
    reader = TableReader({"tank": list(rows)}, ValueError, **options)
    reader.rows("tank", Tank)
    return reader.errors


def test_a_row_converts_to_its_field_types() -> None:
    """Whole numbers become floats, lists become tuples and sets, nested tables become rows."""
    entry = {
        "name": "a", "litres": 5, "kind": "glass", "code": "ff", "xy": [1, 2], "tags": ["x"], "valves": [{"bar": 3}],
        "limits": {"level": 2}, "open": True, "period": 4,
    }  # fmt: skip
    (tank,) = TableReader({"tank": [entry]}, ValueError).rows("tank", Tank)
    assert tank == Tank("a", 5.0, 0, "glass", 255, (1.0, 2.0), frozenset(("x",)), (Valve(3.0),), {"level": 2}, True, 4)
    assert isinstance(tank.litres, float)


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("litres", -1, "litres = -1: allowed is 0 to 100"),
        ("litres", nan, "litres = nan: allowed is 0 to 100"),
        ("litres", True, "litres = True: allowed is 0 to 100"),
        ("count", 1.5, "count = 1.5: allowed is a whole number"),
        ("kind", "wood", "kind = 'wood': allowed is one of steel, glass"),
        ("kind", [1], "kind = [1]: allowed is one of steel, glass"),
        ("code", "xyz", "code = 'xyz': allowed is a hexadecimal text"),
        ("xy", [1], "xy = [1]: allowed is a list [a number, a number]"),
        ("tags", "x", "tags = 'x': allowed is a list, each element a text"),
        ("tags", ["x", 3], "tags = 3: allowed is a text"),
        ("valves", [{"bar": 1}, {"bar": inf}], "valves 2.bar = inf: allowed is a number above 0 and at most 16"),
        ("valves", [{}], "valves 1.bar: missing; allowed is a number above 0 and at most 16"),
        ("valves", [1], "valves 1 = 1: allowed is a table with bar"),
        ("limits", {"level": -2}, "limits.level = -2: allowed is a number at least 0"),
        ("limits", 3, "limits = 3: allowed is a table of names, each with a number at least 0"),
        ("open", 1, "open = 1: allowed is true or false"),
        ("period", "x", "period = 'x': allowed is a number or no value"),
        ("colour", 1, "colour: unknown key; allowed is name, litres"),
        ("name", " ", "name = ' ': allowed is a text that is not empty"),
    ],
)
def test_an_error_names_key_value_and_allowed_values(key: str, value: object, error: str) -> None:
    """One error for one fault, with the key path before it."""
    (found,) = errors({"name": "a", key: value})
    assert found.split(".", 1)[1].startswith(error)


def test_all_errors_of_all_rows_are_reported_together() -> None:
    """The order is that of the file; rows without a name have their number; `finish` raises the given exception."""
    reader = TableReader({"tank": [{"litres": 7, "count": "x"}, {"name": "b"}, {"name": "b"}], "pump": 1}, ValueError)
    reader.expect("tank")
    assert [tank.name for tank in reader.rows("tank", Tank)] == ["b", "b"]
    assert [error.split(":")[0] for error in reader.errors] == [
        "pump", "tank 1.name", "tank 1.count = 'x'", "tank b",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="pump: unknown key; allowed is tank"):
        reader.finish()


def test_checks_over_several_fields_run_on_rows_without_errors() -> None:
    """The check of a row with a wrong field would see a value of another type."""
    reader = TableReader({"tank": [{"name": "a"}, {"name": "b", "litres": "x"}]}, ValueError, source="f.toml")
    assert not reader.rows("tank", Tank, check=lambda tank: [f"litres = {tank.litres}: allowed is 2"])
    assert reader.errors == [
        "f.toml: tank a.litres = 1.0: allowed is 2",
        "f.toml: tank b.litres = 'x': allowed is 0 to 100",
    ]


@pytest.mark.parametrize("content", [b"a = [", b"\xff\xfe", None])
def test_a_file_that_cannot_be_parsed_raises_with_its_name(tmp_path: Path, content: bytes | None) -> None:
    """Syntax errors, other encodings and a missing file."""
    path = tmp_path / "own.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"own\.toml: "):
        load_toml(path, ValueError)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*Tank.__dataclass_fields__, "colour"]), VALUES, max_size=4))
def test_any_row_either_converts_or_has_an_error(row: dict[str, Any]) -> None:
    """No content of a file raises from inside the reader."""
    reader = TableReader({"tank": [row]}, ValueError)
    assert len(reader.rows("tank", Tank)) == (not reader.errors)
