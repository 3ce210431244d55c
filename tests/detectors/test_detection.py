"""Detection batches."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from detectors import DetectionBatch

from .histories import make, readings


@pytest.mark.parametrize("column", [field.name for field in fields(DetectionBatch)])
def test_columns_of_unequal_length_are_refused(column: str) -> None:
    """Each column has one entry per row."""
    found = make("smoke").update(readings([("smoke", 1, 0, 0, 1, 0)]))
    assert len(found) == 1
    with pytest.raises(ValueError, match="rows; allowed are"):
        replace(found, **{column: getattr(found, column)[:0]})
