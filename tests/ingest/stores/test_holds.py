"""Register of holds: reasons required, no deletion, several at once, by sensors and whole days."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import FOREVER_NS, Catalog, Hold, HoldError, Holds, held
from ingest.stores.retention import DAY_NS


def test_a_hold_is_made_kept_and_released(tmp_path: Path) -> None:
    """A hold is visible to any process; a release records person and reason, and happens once."""
    holds = Holds(tmp_path / "holds.sqlite")
    made = holds.add("s1", ["b", "a", "a"], from_ns=5, to_ns=9, reason="inquiry", who="kim", now_ns=100)
    assert (made.sensors, made.released_ns) == (("a", "b"), None)
    again = Holds(tmp_path / "holds.sqlite")
    assert again.standing() == [made]
    done = again.release(made.id, reason="closed", who="lee", now_ns=200)
    assert (done.released_ns, done.released_by, done.release_reason) == (200, "lee", "closed")
    assert (holds.standing(), holds.all()) == ([], [done])
    with pytest.raises(HoldError, match="no hold 1 that still stands"):
        holds.release(made.id, reason="closed", who="lee", now_ns=201)


@pytest.mark.parametrize(("name", "given_text"), [("site", " "), ("reason", ""), ("reason", "  "), ("who", "")])
def test_a_hold_without_reason_or_name_is_rejected(name: str, given_text: str, tmp_path: Path) -> None:
    """Every hold has a reason and a name."""
    holds = Holds(tmp_path / "holds.sqlite")
    texts = {"site": "s1", "reason": "inquiry", "who": "kim"} | {name: given_text}
    with pytest.raises(HoldError, match="needs"):
        holds.add(texts["site"], from_ns=0, reason=texts["reason"], who=texts["who"], now_ns=1)
    with pytest.raises(HoldError, match="begin before"):
        holds.add("s1", from_ns=5, to_ns=5, reason="inquiry", who="kim", now_ns=1)
    hold = holds.add("s1", from_ns=5, reason="inquiry", who="kim", now_ns=1)
    with pytest.raises(HoldError, match="needs a reason"):
        holds.release(hold.id, reason=" ", who="kim", now_ns=2)


def test_a_broken_register_raises(tmp_path: Path) -> None:
    """A broken register never counts as empty."""
    (tmp_path / "holds.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(HoldError, match=r"holds\.sqlite"):
        Holds(tmp_path / "holds.sqlite")


@given(first=st.integers(-3 * DAY_NS, 3 * DAY_NS), length=st.integers(1, 3 * DAY_NS), at=st.integers(0, 3 * DAY_NS))
def test_the_days_of_a_hold_cover_its_span(first: int, length: int, at: int) -> None:
    """The days on hold cover the span, by sensor or for the whole site."""
    catalog = Catalog()
    codes = [catalog.code("s1", name, "smoke") for name in ("a", "b")]
    catalog.code("s2", "a", "smoke")
    span = {"from_ns": first, "to_ns": first + length, "reason": "r", "who": "w", "made_ns": 0}
    some, whole = held([Hold(1, "s1", ("b",), **span), Hold(2, "s1", (), **span)], catalog)
    assert (some.sensors, whole.sensors) == (frozenset(codes[1:]), frozenset(codes))
    assert some.first_day <= (first + at % length) // DAY_NS <= some.last_day
    assert held([], catalog) == ()


def test_a_hold_without_end_reaches_every_day() -> None:
    """A hold without an end covers future days."""
    (one,) = held([Hold(1, "s1", (), 0, FOREVER_NS, "r", "w", 0)], Catalog())
    assert one.last_day > 100_000
