"""Deferred audit entries: each is written once, in order, with its own time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from alerts import open_database
from alerts.database import journal
from alerts.database.deferred_audit import DeferredAudit, Note
from alerts.database.storage_faults import UNWRITTEN


class Switch:
    """A database and the switch of its writes."""

    def __init__(self, engine: Engine, writes: Any) -> None:
        self.engine, self._writes = engine, writes(engine)

    @property
    def full(self) -> bool:
        """Whether the database refuses writes."""
        return bool(self._writes.refused)

    @full.setter
    def full(self, value: bool) -> None:
        self._writes.refused = value

    def written(self) -> list[journal.Event]:
        """Return the journal."""
        with self.engine.execution_options(writes=False).connect() as connection:
            return journal.read(connection)


@pytest.fixture
def switch(engine: Engine, switched_writes: Any) -> Switch:
    """Return a database whose writes can be refused."""
    return Switch(engine, switched_writes)


def note(number: int, kind: str = "session.opened") -> Note:
    """Return an entry with this time."""
    return Note(number, kind, "wang", "", "wang", {"n": number})


def entered(notes: DeferredAudit, switch: Switch, *, full: bool, number: int) -> None:
    """Write one entry and run one turn of the service."""
    switch.full = full
    notes.write(note(number))
    if not full:
        notes.settle()


@given(full=st.lists(st.booleans(), max_size=12))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_entry_is_written_once_with_its_own_time(databases: Any, switched_writes: Any, full: list[bool]) -> None:
    """For any order of full and writable disks the chain is valid and late entries are marked."""
    url = databases.acquire()
    engine = open_database(url)
    switch = Switch(engine, switched_writes)
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
    databases.release(url)


def test_an_aborted_flush_keeps_all_entries(switch: Switch) -> None:
    """A disk that is full during the flush writes nothing and loses nothing."""
    notes = DeferredAudit(switch.engine)
    switch.full = True
    for number in range(3):
        notes.write(note(number))
    with pytest.raises(UNWRITTEN):
        notes.settle()
    switch.full = False
    assert notes.settle() == 3
    assert [entry.at_ns for entry in switch.written()] == [0, 1, 2]


def test_refused_sign_ins_use_half_of_the_memory(switch: Switch) -> None:
    """Further refused sign-ins are counted; a sign-in beyond all of it is rejected."""
    notes = DeferredAudit(switch.engine, waiting_max=10)
    switch.full = True
    for number in range(50):
        notes.write(note(number, "session.refused"))
    assert (len(notes), notes.dropped_total) == (5, 45)
    for number in range(5):
        notes.write(note(number))
    with pytest.raises(UNWRITTEN):
        notes.write(note(99))
