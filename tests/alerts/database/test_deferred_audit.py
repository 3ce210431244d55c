"""Audit entries over a journal that takes no writes for a while: each is written once, in order, with its own time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from alerts import open_database
from alerts.database import journal
from alerts.database.deferred_audit import DeferredAudit, Note


class Switch:
    """Whether writes are refused now."""

    full = False

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        event.listen(engine, "checkout", self._checkout)

    def _checkout(self, connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA query_only = {'ON' if self.full else 'OFF'}")

    def written(self) -> list[journal.Event]:
        """The journal."""
        with self.engine.connect() as connection:
            return journal.read(connection)


@pytest.fixture
def switch(tmp_path: Path) -> Iterator[Switch]:
    """A database of its own."""
    engine = open_database(f"sqlite:///{tmp_path / 'alerts.sqlite'}")
    yield Switch(engine)
    engine.dispose()


def note(number: int, kind: str = "session.opened") -> Note:
    """An entry that happened at that moment."""
    return Note(number, kind, "wang", "", "wang", {"n": number})


def entered(notes: DeferredAudit, switch: Switch, *, full: bool, number: int) -> None:
    """One entry is made, and one turn of the service follows."""
    switch.full = full
    notes.write(note(number))
    if not full:
        notes.settle()


@given(full=st.lists(st.booleans(), max_size=12))
@settings(max_examples=40, deadline=None)
def test_each_entry_is_written_once_with_its_own_time(tmp_path_factory: Any, full: list[bool]) -> None:
    """Whatever the order in which the disk fills up and empties; the chain holds, and late ones say so."""
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('notes') / 'alerts.sqlite'}")
    switch = Switch(engine)
    notes = DeferredAudit(engine)
    for number, refused in enumerate(full):
        entered(notes, switch, full=refused, number=number)
    switch.full = False
    notes.settle()
    found = switch.written()
    assert sorted(entry.at_ns for entry in found) == list(range(len(full)))
    late = [entry.at_ns for entry in found if entry.facts.get("written_late")]
    assert late == [number for number, refused in enumerate(full) if refused]
    assert journal.verify(engine).ok
    assert len(notes) == 0
    engine.dispose()


def test_a_settling_that_breaks_off_keeps_everything(switch: Switch) -> None:
    """Full again in the middle: nothing of it is written, and nothing forgotten."""
    notes = DeferredAudit(switch.engine)
    switch.full = True
    for number in range(3):
        notes.write(note(number))
    with pytest.raises(OperationalError):
        notes.settle()
    switch.full = False
    assert notes.settle() == 3
    assert [entry.at_ns for entry in switch.written()] == [0, 1, 2]


def test_guessers_cannot_fill_the_room(switch: Switch) -> None:
    """Refused sign-ins get half of it and are counted beyond; beyond all of it a sign-in is refused."""
    notes = DeferredAudit(switch.engine, waiting_max=10)
    switch.full = True
    for number in range(50):
        notes.write(note(number, "session.refused"))
    assert (len(notes), notes.dropped_total) == (5, 45)
    for number in range(5):
        notes.write(note(number))
    with pytest.raises(OperationalError):
        notes.write(note(99))
