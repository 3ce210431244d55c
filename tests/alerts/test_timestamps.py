"""Times of people and programs: RFC 3339 and epoch milliseconds, within the bounds of every database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import format_time, parse_time


@given(time_ms=st.integers(-(2**42), 2**42 - 1))
def test_both_forms_of_a_time_are_equal(time_ms: int) -> None:
    """Epoch milliseconds, and the RFC 3339 text of the same time."""
    assert parse_time(str(time_ms)) == time_ms * 1_000_000 == parse_time(format_time(time_ms * 1_000_000))


@pytest.mark.parametrize(
    "text",
    [
        "9" * 20,
        "9" * 400,
        "-" + "9" * 19,
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+23:59",
        "1700-01-01T00:00:00Z",
        "2026-09-01T08:00:00",
        "²",
        "٣",
        "--5",
        "",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    """ValueError with the allowed values; nothing that a database refuses passes."""
    with pytest.raises(ValueError, match="a time"):
        parse_time(text)
