"""Fields of ticket actions: statements have content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.tickets.fields import PLACEHOLDERS, has_content

DASHES = "-‐‑‒–—―−－_ ~·.。…、,，/\\|*()（）\u3000\u200b\n"


@pytest.mark.parametrize(
    "text", ["王主任", "更换探测器", "0元", "no funds needed", "24 h", "2026-09-30", "50", "11", "Wang Fang", "三日内"]
)
def test_a_statement_is_content(text: str) -> None:
    """Short answers in both languages count."""
    assert has_content(text)


@pytest.mark.parametrize(
    "text", [*sorted(PLACEHOLDERS), "N/A", "n. a.", "无", "x", "XXX", "aaaa", "ＮＡ", "None.", "（待定）", "1"]
)
def test_a_placeholder_is_no_content(text: str) -> None:
    """In any case, width and punctuation."""
    assert not has_content(text)


@given(st.text(alphabet=DASHES, max_size=12))
def test_punctuation_alone_is_no_content(text: str) -> None:
    """Any mixture of dashes, dots and spaces."""
    assert not has_content(text)
