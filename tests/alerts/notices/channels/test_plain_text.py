"""Names in e-mail and chat messages: text on every channel."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.notices.channels.plain_text import plain

LINK = re.compile(r"\w[.。．｡][a-zA-Z]|://|\w@|@\w|\w:\w")


@pytest.mark.parametrize(
    "name",
    ["evil.com", "www.evil.com/x", "https://evil.com/in", "a@evil.com", "@all", "@everyone", "tel:110", "evil。com",
     "<a href=https://evil.com>Room</a>", "[Room](https://evil.com)", "<!channel>", "<https://evil.com|Room>",
     "![x](//evil.com/a.png)", "**Room**", "`Room`", "# Room", "_Room_", "~~Room~~", "||Room||"],
)  # fmt: skip
def test_a_name_is_neither_link_nor_mark_up(name: str) -> None:
    """Nothing is left for a program that makes links, mentions, emphasis or tags."""
    shown = plain(name)
    assert not LINK.search(shown)
    assert not set(shown) & set("<>[]`*~|\\")
    assert not shown.startswith(("#", "_"))
    assert not shown.endswith("_")


@pytest.mark.parametrize("text", ["Room 101", "school-1_smoke_3", "水位 3.5 m", "12:30", "1,5 %/m (limit 2)", "A & B"])
def test_ordinary_text_stays(text: str) -> None:
    """Sensor ids, decimals, times of day and punctuation are unchanged to a reader."""
    assert plain(text).replace("\u200b", "") == text


@given(st.text())
def test_every_text_becomes_one_line_without_links(text: str) -> None:
    """A property of all Unicode text: one line, no control or direction characters, no link."""
    shown = plain(text)
    assert len(shown.splitlines()) <= 1
    assert not re.search(r"[\x00-\x1f\u202a-\u202e\u2066-\u2069<>\[\]`*~|\\]|://", shown)
    assert not re.search(r"[a-zA-Z0-9][.][a-zA-Z]", shown)
