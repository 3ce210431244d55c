"""Sessions over a database that rejects writes: reads succeed and ended sessions stay ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from argon2 import PasswordHasher
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, select

from alerts import People, open_database
from alerts.database.schema import sessions
from alerts.database.storage_faults import UNWRITTEN
from alerts.people.sessions import IDLE_NS, LIFE_NS, RETRY_NS, TOUCH_NS, Sessions

SECOND_NS = 1_000_000_000
HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass
class Disk:
    """A real database whose writes can be refused, as a full disk refuses them."""

    engine: Engine
    writes: Any
    now_ns: int = 1_790_000_000 * SECOND_NS
    used: list[Sessions] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._switch = self.writes(self.engine)

    @property
    def full(self) -> bool:
        """Whether the database refuses writes."""
        return bool(self._switch.refused)

    @full.setter
    def full(self, value: bool) -> None:
        self._switch.refused = value

    def sessions(self, **options: int) -> Sessions:
        """Return sessions as after a start."""
        return Sessions(self.engine, lambda: self.now_ns, **options)

    def stored(self) -> int:
        """Return the number of stored sessions."""
        with self.engine.connect() as connection:
            return len(connection.execute(select(sessions)).all())


@pytest.fixture
def disk(engine: Engine, switched_writes: Any) -> Disk:
    """Return a database whose writes can be refused."""
    return Disk(engine, switched_writes)


@pytest.fixture
def make_people(disk: Disk) -> Callable[[], People]:
    """Return a maker of accounts over this database."""
    return lambda: People(disk.engine, lambda: disk.now_ns, hasher=HASHER)


def test_reads_continue_for_hours_and_idle_sessions_end(disk: Disk) -> None:
    """An unwritten use counts for the idle time and is written later; an idle session ends."""
    here = disk.sessions()
    token, idle = here.open("wang")[0], here.open("li")[0]
    disk.full = True
    for _ in range(8):
        disk.now_ns += IDLE_NS // 2 + SECOND_NS
        assert here.user(token) == "wang"
    assert here.user(idle) is None
    assert here.unwritten_total > 0
    disk.full = False
    disk.now_ns += TOUCH_NS + SECOND_NS
    assert here.user(token) == "wang"
    assert disk.sessions().user(token) == "wang"
    disk.now_ns += LIFE_NS
    assert here.user(token) is None


def test_a_rejected_write_is_not_retried_at_every_request(disk: Disk) -> None:
    """A rejected write is retried once in five seconds."""
    here = disk.sessions()
    token = here.open("wang")[0]
    disk.full = True
    for _ in range(1_000):
        disk.now_ns += TOUCH_NS // 100
        here.user(token)
    assert 0 < here.unwritten_total <= 1_000 * TOUCH_NS // 100 // RETRY_NS + 1


def test_a_sign_in_on_a_full_disk_succeeds_and_is_stored_later(disk: Disk, make_people: Callable[[], People]) -> None:
    """It needs the correct password; the stored session survives a restart."""
    people = make_people()
    people.create("wang", "a long password", roles=["officer"])
    disk.full = True
    assert people.sign_in("wang", "not the password", address="a") is None
    session = people.sign_in("wang", "a long password", address="a")
    assert session is not None
    assert people.who(session.token) is not None
    assert make_people().who(session.token) is None
    disk.full = False
    disk.now_ns += RETRY_NS
    assert people.who(session.token) is not None
    assert make_people().who(session.token) is not None


def test_a_sign_out_on_a_full_disk_is_effective(disk: Disk) -> None:
    """Immediately in memory; in the database with the next successful write."""
    here = disk.sessions()
    token, other = here.open("wang")[0], here.open("li")[0]
    disk.full = True
    here.close(token)
    assert here.user(token) is None
    disk.full = False
    disk.now_ns += TOUCH_NS + RETRY_NS
    assert here.user(other) == "li"
    assert disk.sessions().user(token) is None


def test_new_rights_end_sessions_in_memory_as_well(disk: Disk, make_people: Callable[[], People]) -> None:
    """A replaced account has no sessions, in memory or in the database."""
    people = make_people()
    people.create("wang", "a long password", roles=["officer"])
    disk.full = True
    session = people.sign_in("wang", "a long password", address="a")
    assert session is not None
    disk.full = False
    people.create("wang", "another password", roles=["viewer"])
    assert people.who(session.token) is None
    assert disk.stored() == 0


def test_memory_is_bounded_and_raises(disk: Disk) -> None:
    """Beyond the bound a sign-in raises the database's error and leaves no session."""
    here = disk.sessions(kept_max=3)
    disk.full = True
    tokens = [here.open(f"p{number}")[0] for number in range(3)]
    with pytest.raises(UNWRITTEN, match=r"read-?only"):
        here.open("one too many")
    assert [here.user(token) for token in tokens] == ["p0", "p1", "p2"]
    disk.full = False
    disk.now_ns += RETRY_NS
    here.open("later")
    assert disk.stored() == 4


class Model(RuleBasedStateMachine):
    """Any order of sign-in, sign-out, use, time and full disks."""

    databases: Any
    writes: Any
    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.url = self.databases.acquire()
        self.disk = Disk(open_database(self.url), self.writes)
        self.here = self.disk.sessions()
        self.used: dict[str, tuple[int, int]] = {}

    @rule(target=tokens)
    def enter(self) -> str:
        """Sign in."""
        token = self.here.open("wang")[0]
        self.used[token] = self.disk.now_ns, self.disk.now_ns
        return token

    @rule(token=tokens)
    def look(self, token: str) -> None:
        """Use a session: it is valid until its end; a use is recorded within a minute."""
        begun_ns, used_ns = self.used.get(token, (0, 0))
        over = self.disk.now_ns - begun_ns > LIFE_NS or self.disk.now_ns - used_ns > IDLE_NS
        assert (self.here.user(token) is None) == over
        if over:
            self.used.pop(token, None)
        elif self.disk.now_ns - used_ns > TOUCH_NS:
            self.used[token] = begun_ns, self.disk.now_ns

    @rule(token=consumes(tokens))
    def leave(self, token: str) -> None:
        """Sign out."""
        self.here.close(token)
        self.used.pop(token, None)
        assert self.here.user(token) is None

    @rule(seconds=st.integers(1, 2_000), full=st.booleans())
    def wait(self, seconds: int, full: bool) -> None:  # noqa: FBT001 - drawn
        """Advance the time and set the state of the disk."""
        self.disk.now_ns += seconds * SECOND_NS
        self.disk.full = full

    @invariant()
    def bounded(self) -> None:
        """Memory has at most the changes since the last write."""
        assert self.disk.full or len(self.here._ended) <= len(self.used) + 50

    def teardown(self) -> None:
        """Release the database."""
        self.disk.engine.dispose()
        self.databases.release(self.url)


def test_any_order_of_session_events_keeps_the_rules(databases: Any, switched_writes: Any) -> None:
    """Sessions answer, end and stay ended through any order of events and refused writes."""
    fixtures = {"databases": databases, "writes": switched_writes}
    run_state_machine_as_test(
        type("SessionModel", (Model,), fixtures),
        settings=settings(max_examples=30, stateful_step_count=25, deadline=None),
    )
