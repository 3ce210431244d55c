"""A small school with its alert service on SQLite and PostgreSQL, with hand-made detections."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine, event

from alerts import Actor, AlertDispatch, Finding, Hazard, Page, People, Ticket, open_database, read_registry
from alerts.dangers import photos
from alerts.dangers.dangers import Dangers
from alerts.dangers.photos import Sent
from detectors import DetectionBatch, Phase
from ingest import Catalog

SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS
START_NS = 1_790_000_000 * SECOND_NS
ALL = Page(limit=10_000)
HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

CAMPUS: dict[str, Any] = {
    "site": [{"id": "school-1", "name_zh": "一校", "name_en": "One"}, {"id": "school-2"}],
    "zone": [
        {"site": "school-1", "id": "dorm", "key": "dormitory", "officer": "officer", "fixer": "fixer"},
        {"site": "school-1", "id": "pond", "key": "water"},
        {"site": "school-2", "id": "dorm", "key": "dormitory", "officer": "officer", "fixer": "fixer"},
    ],
    "place": [
        {"site": "school-1", "zone": "dorm", "id": "d-101", "name_zh": "101室", "name_en": "Room 101"},
        {"site": "school-1", "zone": "dorm", "id": "d-102", "name_zh": "102室", "name_en": "Room 102"},
        {"site": "school-1", "zone": "pond", "id": "bank", "name_zh": "塘边", "name_en": "Bank"},
        {"site": "school-2", "zone": "dorm", "id": "d-101", "name_zh": "101室", "name_en": "Room 101"},
    ],
    "risk_point": [
        {"site": site, "zone": "dorm", "id": "dorm-fire", "hazard": "fire", "likelihood": 2, "severity": 4}
        for site in ("school-1", "school-2")
    ],
    "sensor": [
        {"site": "school-1", "id": "smoke-101", "kind": "smoke", "place": "d-101"},
        {"site": "school-1", "id": "smoke-101b", "kind": "smoke", "place": "d-101"},
        {"site": "school-1", "id": "smoke-102", "kind": "smoke", "place": "d-102"},
        {"site": "school-1", "id": "level-1", "kind": "water", "place": "bank"},
        {"site": "school-2", "id": "smoke-101", "kind": "smoke", "place": "d-101"},
    ],
}

PEOPLE = {
    name: Actor(name, frozenset((role,)))
    for name, role in (
        ("viewer", "viewer"),
        ("operator", "operator"),
        ("officer", "officer"),
        ("officer2", "officer"),
        ("fixer", "fixer"),
        ("fixer2", "fixer"),
        ("district", "district"),
        ("admin", "admin"),
    )
}


@dataclass(frozen=True)
class Seen:
    """One detection as a test writes it; at_s: seconds of event time after the start."""

    phase: Phase
    sensor: str = "smoke-101"
    site: str = "school-1"
    hazard: str = "fire"
    rule: str = "smoke-limit"
    metric: str = "smoke_density"
    level: int = 2
    at_s: float = 0
    late: bool = False
    drill: bool = False
    value: float = 0.3
    page: bool | None = None
    made: str = ""
    ended: str = ""
    first_s: float | None = None


@dataclass
class World:
    """The alert service with its clock; `feed` is one log position."""

    url: str
    channels: Sequence[Any] = ()
    now_ns: int = START_NS
    position: int = 0
    damaged: bool = False  # a test changed rows behind the service; the verification finds it
    catalog: Catalog = field(init=False)
    dispatch: AlertDispatch = field(init=False)
    people: People = field(init=False)

    def __post_init__(self) -> None:
        self.registry = read_registry(CAMPUS)
        self.catalog = Catalog(self.registry.sensors)
        self.engine = open_database(self.url)
        self.people = People(self.engine, lambda: self.now_ns, hasher=HASHER)
        self.reopen()

    def reopen(self) -> None:
        """Open the dispatch again, as after a restart."""
        self.dispatch = AlertDispatch(self.engine, self.registry, lambda: self.now_ns, channels=self.channels)

    def batch(self, *seen: Seen) -> DetectionBatch:
        """Return the detections as columns; decided immediately, or an hour later if late."""
        catalog = self.catalog
        time_ns = np.array([START_NS + int(row.at_s * SECOND_NS) for row in seen], np.int64)
        delay_ns = np.array([HOUR_NS if row.late else 0 for row in seen], np.int64)
        text = [{"zh": f"级别{row.level}", "en": f"level {row.level}"} for row in seen]
        return DetectionBatch(
            sensor=np.array([catalog.code(row.site, row.sensor, "smoke") for row in seen], np.int32),
            metric=np.array([catalog.metric(row.metric).code for row in seen], np.int16),
            phase=np.array([row.phase for row in seen], np.int8),
            level=np.array([row.level for row in seen], np.int8),
            first_ns=np.array(
                [START_NS + int((row.at_s if row.first_s is None else row.first_s) * SECOND_NS) for row in seen],
                np.int64,
            ),
            last_ns=time_ns,
            gateway_ns=np.zeros(len(seen), np.int64),
            arrival_ns=time_ns + delay_ns,
            decided_ns=time_ns + delay_ns,
            score=np.full(len(seen), 0.9),
            late=np.array([row.late for row in seen], np.bool_),
            drill=np.array([row.drill for row in seen], np.bool_),
            rule=[row.rule for row in seen],
            detector=["threshold"] * len(seen),
            hazard=[row.hazard for row in seen],
            evidence=[
                {"window_s": 10, "limit": 0.1, "value": row.value, "unit": "dB/m", "text": words, "clears": words}
                | ({"timeline": "late"} if row.late else {})
                | ({} if row.page is None else {"page": row.page})
                | ({"made": {"recipe": row.made}} if row.made else {})
                | ({"ended": row.ended} if row.ended else {})
                for words, row in zip(text, seen, strict=True)
            ],
        )

    def feed(self, *seen: Seen) -> int:
        """Apply the detections as the next log position; return their number."""
        self.position += 1
        return self.dispatch.apply(self.batch(*seen), self.catalog, cursor=self.position)

    def employ(self, username: str, *roles: str, **rights: Any) -> Actor:
        """Create an account with these roles, by default those of PEOPLE; return its actor."""
        wanted = roles or sorted(PEOPLE[username].roles)
        return self.people.create(username, "a password of a test", roles=wanted, **rights).actor

    def act(self, ticket: Ticket, action: str, who: str, **fields: Any) -> Ticket:
        """Apply one step by a person of PEOPLE to the ticket."""
        return self.dispatch.act(ticket.id, action, PEOPLE[who], fields, version=ticket.version)

    def photograph(self, danger: str, sent: Sent) -> str:
        """Store a photo of the danger as it is, without encoding; return its id."""
        photo = photos.Prepared(sent, hashlib.sha256(sent.content).hexdigest(), sent.content)
        with self.engine.begin() as connection:
            found = Dangers(connection, self.registry).find(danger)
            return photos.add(connection, found, photo, "fixer", now_ns=self.now_ns)

    @property
    def everything(self) -> Page:
        """Return a page for all rows."""
        return ALL

    @property
    def hazards(self) -> list[Hazard]:
        """Return all hazards, oldest first."""
        found = self.dispatch.queries.hazards(PEOPLE["admin"], site=None, active=None, page=ALL)
        return sorted(found, key=lambda hazard: (hazard.opened_ns, hazard.id))

    @property
    def tickets(self) -> list[Ticket]:
        """Return all tickets, oldest first."""
        return self.dispatch.queries.tickets(PEOPLE["admin"], site=None, state=None, grade=None, page=ALL)[::-1]

    def active_findings(self) -> list[Finding]:
        """Return the active findings."""
        found = self.dispatch.queries.findings(PEOPLE["admin"], site=None, hazard=None, page=ALL)
        return [finding for finding in found if finding.active]

    def danger_of(self, hazard: str) -> str:
        """Return the id of the danger of which the hazard is evidence."""
        with self.engine.begin() as connection:
            danger = Dangers(connection, self.registry).of_hazard(hazard)
        assert danger is not None, hazard
        return danger.id

    def paged(self) -> list[str]:
        """Return the types of the console's notices, oldest first."""
        found = self.dispatch.queries.notices(PEOPLE["admin"], site=None, page=ALL)
        return [notice.type for notice in reversed(found) if notice.channel == "console"]

    def close(self) -> None:
        """Verify the journal and close the database."""
        report = self.dispatch.verify()
        self.engine.dispose()
        assert report.ok is not self.damaged, report


class Databases:
    """Empty databases of one kind; `acquire` returns a URL, `release` gives the database back."""

    def __init__(self, postgresql: Any | None, sqlite_template: bytes) -> None:
        self._postgresql, self._sqlite_template = postgresql, sqlite_template
        self._used: dict[str, Callable[[], None]] = {}

    def acquire(self) -> str:
        """Return the URL of an empty database with the present schema."""
        if self._postgresql is not None:
            url: str = self._postgresql.acquire()
            self._used[url] = lambda: self._postgresql.release(url)
            return url
        folder = tempfile.TemporaryDirectory()
        path = Path(folder.name) / "alerts.sqlite"
        path.write_bytes(self._sqlite_template)
        self._used[f"sqlite:///{path}"] = folder.cleanup
        return f"sqlite:///{path}"

    def release(self, url: str) -> None:
        """Remove the database, or empty it for another test."""
        self._used.pop(url)()

    def close(self) -> None:
        """Release every database."""
        for url in [*self._used]:
            self.release(url)


class Writes:
    """A switch of a database's writes, which `refused` makes read-only as a full disk does."""

    def __init__(self, engine: Engine) -> None:
        self.refused = False
        self._sqlite = engine.dialect.name == "sqlite"
        event.listen(engine, "checkout", self._checkout)

    def _checkout(self, connection: Any, *_: object) -> None:
        value = "ON" if self.refused else "OFF"
        if self._sqlite:
            connection.execute(f"PRAGMA query_only = {value}")
            return
        connection.autocommit = True
        connection.execute(f"SET default_transaction_read_only = {value}")
        connection.autocommit = False


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def databases(request: pytest.FixtureRequest, sqlite_template: bytes) -> Iterator[Databases]:
    """Return a source of empty databases; a test that uses it runs on SQLite and on PostgreSQL."""
    pool = request.getfixturevalue("empty_postgresql_databases") if request.param == "postgresql" else None
    made = Databases(pool, sqlite_template)
    yield made
    made.close()


@pytest.fixture
def engine(databases: Databases) -> Iterator[Engine]:
    """Return an engine on an empty database."""
    made = open_database(databases.acquire())
    yield made
    made.dispose()


@pytest.fixture
def switched_writes() -> type[Writes]:
    """Return the class that refuses writes on an engine."""
    return Writes


@pytest.fixture
def make_world(databases: Databases) -> Iterator[Callable[..., World]]:
    """Return a maker of worlds with databases of their own; their journals are verified at the end of the test.

    A property test calls `make_world.finish()` at the end of each example: it verifies and releases the databases.
    """
    stack = ExitStack()

    def finish() -> None:
        stack.close()

    def make(**options: Any) -> World:
        url = databases.acquire()
        world = World(url, **options)
        stack.callback(databases.release, url)
        stack.callback(world.close)
        return world

    make.finish = finish  # type: ignore[attr-defined]
    yield make
    finish()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """Return a school without detections."""
    return make_world()


@pytest.fixture
def seen() -> type[Seen]:
    """Return the class of a detection in a test."""
    return Seen


@pytest.fixture
def people() -> Mapping[str, Actor]:
    """Return one person per role, two officers and two fixers."""
    return PEOPLE


@pytest.fixture
def campus() -> dict[str, Any]:
    """Return the parsed campus file of the small school."""
    return {name: [dict(row) for row in rows] for name, rows in CAMPUS.items()}
