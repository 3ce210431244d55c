"""Verification of the journal: changed bytes, missing, swapped or inserted entries, a truncated end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from alerts.database import journal

ENTRIES = 12


@pytest.fixture
def engine(engine: Engine) -> Engine:
    """Return a database with a journal of ENTRIES entries."""
    with engine.begin() as connection:
        for number in range(ENTRIES):
            journal.append(
                connection,
                at_ns=number,
                actor="officer",
                kind="ticket.comment",
                site="school-1",
                subject=f"t{number % 3}",
                facts={"note": f"第{number}条", "number": number},
            )
    return engine


@pytest.fixture
def sql(engine: Engine) -> Callable[..., Any]:
    """Return a function that executes SQL in a transaction of its own, outside the journal's code."""

    def execute(statement: str, values: tuple[object, ...]) -> Any:
        named = {f"v{number}": value for number, value in enumerate(values)}
        for name in named:
            statement = statement.replace("?", f":{name}", 1)
        with engine.begin() as connection:
            done = connection.execute(text(statement), named)
            return done.first() if done.returns_rows else None

    return execute


def test_an_unchanged_journal_verifies(engine: Engine) -> None:
    """The report has the number of entries and the last digest."""
    report = journal.verify(engine)
    assert (report.ok, report.entries, report.first_bad) == (True, ENTRIES, None)
    assert journal.verify(engine, heads=[(ENTRIES, report.head)]).ok


@pytest.mark.parametrize("column", ["body", "digest", "site", "kind", "subject"])
@pytest.mark.parametrize("seq", [1, 5, ENTRIES])
def test_one_changed_character_is_found_where_it_is(
    engine: Engine, sql: Callable[..., Any], column: str, seq: int
) -> None:
    """Every column is covered, in the first, a middle and the last entry."""
    (found,) = sql(f"SELECT {column} FROM journal WHERE seq = ?", (seq,))  # noqa: S608 - names from above
    changed = ("1" if found[0] != "1" else "2") + found[1:]
    sql(f"UPDATE journal SET {column} = ? WHERE seq = ?", (changed, seq))  # noqa: S608 - as above
    report = journal.verify(engine)
    assert (report.ok, report.first_bad) == (False, seq)


@pytest.mark.parametrize("seq", [1, 6])
def test_a_deleted_entry_is_found(engine: Engine, sql: Callable[..., Any], seq: int) -> None:
    """A gap is found, and renumbered entries break the digests."""
    sql("DELETE FROM journal WHERE seq = ?", (seq,))
    assert journal.verify(engine).first_bad == seq
    for later in range(seq + 1, ENTRIES + 1):
        sql("UPDATE journal SET seq = ? WHERE seq = ?", (later - 1, later))
    assert journal.verify(engine).first_bad == seq


def test_two_swapped_entries_are_found(engine: Engine, sql: Callable[..., Any]) -> None:
    """The digests cover the order."""
    for old, new in ((4, 100), (5, 4), (100, 5)):
        sql("UPDATE journal SET seq = ? WHERE seq = ?", (new, old))
    assert journal.verify(engine).first_bad == 4


@pytest.mark.parametrize("kept", [0, 1, ENTRIES - 1])
def test_a_truncated_end_is_found_by_the_head_stored_elsewhere(
    engine: Engine, sql: Callable[..., Any], kept: int
) -> None:
    """The chain alone does not contain its length."""
    noted = (ENTRIES, journal.verify(engine).head)
    sql("DELETE FROM journal WHERE seq > ?", (kept,))
    assert journal.verify(engine).ok
    report = journal.verify(engine, heads=[noted])
    assert (report.ok, report.first_bad) == (False, kept + 1)


def test_entries_after_the_stored_head_verify(engine: Engine) -> None:
    """An older head remains in the chain."""
    noted = (ENTRIES, journal.verify(engine).head)
    with engine.begin() as connection:
        journal.append(connection, at_ns=99, actor="x", kind="k", site="s", subject="s", facts={})
    assert journal.verify(engine, heads=[noted]).ok


def test_an_append_that_is_rolled_back_leaves_no_trace(engine: Engine) -> None:
    """An entry shares the transaction of its change."""
    with engine.connect() as connection, connection.begin() as transaction:
        assert journal.append(connection, at_ns=1, actor="x", kind="k", site="s", subject="s", facts={}) == ENTRIES + 1
        transaction.rollback()
    assert journal.verify(engine).entries == ENTRIES


facts = st.dictionaries(
    st.text(max_size=5), st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20), max_size=4
)


@settings(max_examples=40)
@given(value=facts)
def test_canonical_text_does_not_depend_on_the_order_of_keys(value: dict[str, Any]) -> None:
    """One value has one text, so digests are reproducible."""
    assert journal.canonical(value) == journal.canonical(dict(reversed(value.items())))


def test_reading_pages_on_by_seq_and_by_subject(engine: Engine) -> None:
    """The tail serves live streams; a subject has its history."""
    with engine.connect() as connection:
        assert [event.seq for event in journal.read(connection, after=9)] == [10, 11, 12]
        assert [event.seq for event in journal.read(connection, subject="t1")] == [2, 5, 8, 11]
        assert journal.read(connection, after=3, limit=1)[0].facts == {"note": "第3条", "number": 3}
