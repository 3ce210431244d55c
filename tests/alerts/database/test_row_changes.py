"""Rows against the journal: a change, deletion or addition outside the service is found and named."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine, insert, text

from alerts import Actor, People
from alerts.database import journal, schema
from alerts.database.row_changes import added, changed
from alerts.database.schema import tickets
from detectors import Phase

EDITS = {
    "hazards": {"grade": 4, "late": True, "place": "elsewhere", "acknowledged_by": "nobody"},
    "tickets": {"state": "closed", "due_ns": 1, "fixer": "mallory", "fixers": '["mallory"]', "close_reason": "x"},
    "accounts": {"roles": '["viewer"]', "password": "$argon2id$other", "sites": '["school-2"]', "ended_ns": 7},
    "displays": {"site": "school-2", "digest": "0" * 64},
    "assignments": {"place": "d-102"},
    "ignored": {"reason": "because"},
    "rosters": {"version": 7, "content": "{}"},
}
KEYS = {"accounts": "username", "assignments": "sensor", "ignored": "sensor", "rosters": "site"}


@pytest.fixture
def filled(world: Any, seen: Any, people: Mapping[str, Actor]) -> Any:
    """Return a school with hazards, tickets, accounts, a display and bindings."""
    world.feed(seen(Phase.RAISE), seen(Phase.RAISE, sensor="smoke-102"), seen(Phase.RAISE, sensor="smoke-101b"))
    world.feed(seen(Phase.CHANGE, level=3, at_s=5), seen(Phase.CLEAR, sensor="smoke-102", at_s=6))
    admin = Actor("admin", frozenset(("admin", "officer")))
    for hazard in world.hazards:
        world.dispatch.acknowledge(hazard.id, people["officer"])
    accounts = People(world.engine, lambda: world.now_ns, hasher=PasswordHasher(time_cost=1, memory_cost=64))
    accounts.create("admin", "a password of a test", roles=["admin"])
    accounts.create("wang", "a password of a test", roles=["officer"], sites=["school-1"])
    accounts.end("wang")
    accounts.displays.create(admin, site="school-1", name="hall")
    gone, _ = accounts.displays.create(admin, site="school-1", name="gate")
    accounts.displays.revoke(admin, gone.id)
    world.dispatch.bindings.assign("school-1", {"extra-1": "d-101"}, admin)
    world.dispatch.bindings.ignore("school-1", "foreign", admin, bound=False, reason="a neighbour's")
    world.dispatch.escalating.rosters.put(admin, "school-1", {"person": [{"id": "li"}]}, version=None)
    assert world.dispatch.verify().ok
    world.damaged = True
    return world


def _execute(engine: Engine, statement: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement), values)


def test_a_changed_value_is_named(filled: Any) -> None:
    """The report names table, row and column; a secret is not shown. The former value satisfies it again."""
    for table, columns in EDITS.items():
        key = KEYS.get(table, "id")
        for column, value in columns.items():
            with filled.engine.begin() as connection:
                identity, former = connection.execute(
                    text(f"SELECT {key}, {column} FROM {table} ORDER BY {key} LIMIT 1")  # noqa: S608 - constants
                ).one()
            change = f"UPDATE {table} SET {column} = :value WHERE {key} = :key"  # noqa: S608 - constants
            _execute(filled.engine, change, value=value, key=identity)
            report = filled.dispatch.verify()
            assert (report.ok, report.first_bad, len(report.rows_differing)) == (False, None, 1), (table, column)
            (line,) = report.rows_differing
            assert line.startswith(f"{table} ")
            assert identity in line
            assert f"{column} is" in line
            assert "argon2" not in line
            former = json.dumps(former) if isinstance(former, list) else former
            _execute(filled.engine, change, value=former, key=identity)
    assert filled.dispatch.verify().ok
    filled.damaged = False


def test_deleted_rows_are_named(filled: Any) -> None:
    """A ticket or an account cannot vanish."""
    for table in EDITS:
        _execute(filled.engine, f"DELETE FROM {table}")  # noqa: S608 - constants
        report = filled.dispatch.verify()
        found = [line for line in report.rows_differing if line.startswith(f"{table} ")]
        assert found
        assert all("is missing" in line for line in found)


def test_an_added_account_is_named(filled: Any) -> None:
    """An administrator that nobody created is found."""
    _execute(
        filled.engine,
        "INSERT INTO accounts SELECT 'mallory', name, password, roles, sites, ended_ns, person, locked_ns FROM accounts"
        " WHERE username = 'admin'",
    )
    assert filled.dispatch.verify().rows_differing == ("accounts mallory: the row is not in the journal",)


def test_a_later_change_by_the_service_does_not_hide_an_edit(filled: Any, people: Mapping[str, Actor]) -> None:
    """An entry has the changed columns only: the service never signs a value that it did not write."""
    hazard = filled.hazards[0]
    _execute(filled.engine, "UPDATE hazards SET zone = 'pond' WHERE id = :id", id=hazard.id)
    filled.dispatch.acknowledge(hazard.id, people["officer"], undo=True)
    (line,) = filled.dispatch.verify().rows_differing
    assert line == f'hazards {hazard.id}: zone is "pond", in the journal "dorm"'


class Entry(NamedTuple):
    """One row of the journal."""

    seq: int
    body: str
    site: str
    kind: str
    subject: str
    digest: str


def test_any_of_a_thousand_random_changes_is_found() -> None:
    """Edits, deletions and swaps of entries, and a truncation, each found by the chain or by the exported head."""
    original, before = [], journal.GENESIS
    for seq in range(1, 61):
        body = journal.canonical(
            {"at": seq, "actor": "a", "kind": "k", "site": "s", "subject": f"t{seq}", "facts": {"n": seq}}
        )
        before = journal.chained(before, body)
        original.append(Entry(seq, body, "s", "k", f"t{seq}", before))
    head = (60, before)
    assert journal.check(original, [head])[0].ok
    seed = random.randrange(2**32)  # noqa: S311 - a seed, no secret
    chance = random.Random(seed)  # noqa: S311 - as above
    for number in range(1_000):
        report, _ = journal.check(_damaged(original, chance), [head])
        assert not report.ok, f"change {number} of seed {seed}"


def _damaged(original: list[Entry], chance: random.Random) -> list[Entry]:
    rows = list(original)
    first, second = chance.sample(range(len(rows)), 2)
    kind = chance.choice(("edit", "delete", "swap", "cut"))
    if kind == "delete":
        del rows[first]
    elif kind == "cut":
        del rows[first:]
    elif kind == "swap":
        rows[first], rows[second] = rows[second]._replace(seq=first + 1), rows[first]._replace(seq=second + 1)
    else:
        column = chance.choice(("body", "site", "kind", "subject", "digest"))
        value = getattr(rows[first], column)
        at = chance.randrange(len(value))
        other = chance.choice([mark for mark in "0123abcx" if mark != value[at]])
        rows[first] = rows[first]._replace(**{column: value[:at] + other + value[at + 1 :]})
    return rows


def test_a_hundred_thousand_entries_take_seconds(engine: Engine) -> None:
    """The daily check of a large school stays short; the limit is several times the measured time."""
    row = dict.fromkeys(tickets.c.keys(), "x" * 20)
    before, rows = journal.GENESIS, []
    for seq in range(1, 100_001):
        later = row | {"version": seq}
        change = added(tickets, later) if seq == 1 else changed(tickets, row | {"version": seq - 1}, later)
        body = journal.canonical(
            {"at": seq, "actor": "a", "kind": "k", "site": "s", "subject": "t", "facts": {}, "rows": [change]}
        )
        before = journal.chained(before, body)
        rows.append({"seq": seq, "body": body, "site": "s", "kind": "k", "subject": "t", "digest": before})
    with engine.begin() as connection:
        connection.execute(insert(schema.journal), rows)
    begun_s = time.monotonic()
    report = journal.verify(engine)
    took_s = time.monotonic() - begun_s
    assert (report.entries, report.rows_differing) == (100_000, (f"tickets {'x' * 20}: the row is missing",))
    assert took_s < 20
