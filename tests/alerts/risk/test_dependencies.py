"""Rows of declared dependencies in the campus file."""

from __future__ import annotations

import copy

import pytest

from alerts import RegistryError, read_registry
from alerts.risk.dependencies import HOPS_MAX
from tests.alerts.conftest import CAMPUS


def test_wrong_rows_are_reported_together() -> None:
    """An unknown site, a circle and a chain without end."""
    table = copy.deepcopy(CAMPUS)
    rows = [("school-9", "a", "b"), ("school-1", "c", "d"), ("school-1", "d", "c")]
    rows += [("school-2", f"n{number}", f"n{number + 1}") for number in range(HOPS_MAX + 1)]
    table["dependency"] = [dict(zip(("site", "id", "on"), row, strict=True)) for row in rows]
    with pytest.raises(RegistryError) as refused:
        read_registry(table)
    text = "\n".join(refused.value.errors)
    assert all(f"dependency {name}." in text for name in ("a", "c", "d", "n0"))
    table["dependency"] = [{"site": "school-1", "id": "smoke-101", "on": "gw"}]
    assert read_registry(table).dependencies == {("school-1", "smoke-101"): "gw"}
