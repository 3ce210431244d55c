"""A small school with its alert desk on a real database file, fed by hand-made detections."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alerts import Actor, AlertDispatch, Finding, Hazard, Page, Ticket, open_database, read_registry
from detectors import DetectionBatch, Phase
from ingest import Catalog

SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS
START_NS = 1_790_000_000 * SECOND_NS
ALL = Page(limit=10_000)

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


@dataclass
class World:
    """The desk with its clock; `feed` is one log position."""

    folder: Path
    channels: Sequence[Any] = ()
    now_ns: int = START_NS
    position: int = 0
    catalog: Catalog = field(init=False)
    desk: AlertDispatch = field(init=False)

    def __post_init__(self) -> None:
        self.registry = read_registry(CAMPUS)
        self.catalog = Catalog(self.registry.sensors)
        self.engine = open_database(f"sqlite:///{self.folder / 'alerts.sqlite'}")
        self.reopen()

    def reopen(self) -> None:
        """A desk as it stands after a restart."""
        self.desk = AlertDispatch(self.engine, self.registry, lambda: self.now_ns, channels=self.channels)

    def batch(self, *seen: Seen) -> DetectionBatch:
        """The detections as columns; decided when they happened, one hour later where late."""
        catalog = self.catalog
        time_ns = np.array([START_NS + int(row.at_s * SECOND_NS) for row in seen], np.int64)
        delay_ns = np.array([HOUR_NS if row.late else 0 for row in seen], np.int64)
        text = [{"zh": f"级别{row.level}", "en": f"level {row.level}"} for row in seen]
        return DetectionBatch(
            sensor=np.array([catalog.code(row.site, row.sensor, "smoke") for row in seen], np.int32),
            metric=np.array([catalog.metric(row.metric).code for row in seen], np.int16),
            phase=np.array([row.phase for row in seen], np.int8),
            level=np.array([row.level for row in seen], np.int8),
            first_ns=time_ns,
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
                {"window_s": 10, "limit": 0.1, "value": 0.3, "unit": "dB/m", "text": words, "clears": words}
                | ({"timeline": "late"} if row.late else {})
                for words, row in zip(text, seen, strict=True)
            ],
        )

    def feed(self, *seen: Seen) -> int:
        """Apply the detections as the next log position; returns how many were taken in."""
        self.position += 1
        return self.desk.apply(self.batch(*seen), self.catalog, cursor=self.position)

    def act(self, ticket: Ticket, action: str, who: str, **fields: Any) -> Ticket:
        """One step by a person of PEOPLE on the ticket as given."""
        return self.desk.act(ticket.id, action, PEOPLE[who], fields, version=ticket.version)

    @property
    def everything(self) -> Page:
        """A page that holds all there is."""
        return ALL

    @property
    def hazards(self) -> list[Hazard]:
        """All hazards, the oldest first."""
        found = self.desk.queries.hazards(PEOPLE["admin"], site=None, active=None, page=ALL)
        return sorted(found, key=lambda hazard: (hazard.opened_ns, hazard.id))

    @property
    def tickets(self) -> list[Ticket]:
        """All tickets, the oldest first."""
        return self.desk.queries.tickets(PEOPLE["admin"], site=None, state=None, grade=None, page=ALL)[::-1]

    def active_findings(self) -> list[Finding]:
        """Findings that stand now."""
        found = self.desk.queries.findings(PEOPLE["admin"], site=None, hazard=None, page=ALL)
        return [finding for finding in found if finding.active]

    def paged(self) -> list[str]:
        """Types of the messages that stand on the console, the oldest first."""
        found = self.desk.queries.notices(PEOPLE["admin"], site=None, page=ALL)
        return [notice.type for notice in reversed(found) if notice.channel == "console"]

    def close(self) -> None:
        """Let go of the database, after its journal was checked."""
        report = self.desk.verify()
        self.engine.dispose()
        assert report.ok, report


@pytest.fixture
def make_world() -> Iterator[Callable[..., World]]:
    """Makes worlds in folders of their own; their journals are verified at the end of the test."""
    with ExitStack() as stack:

        def make(**options: Any) -> World:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            world = World(Path(folder), **options)
            stack.callback(world.close)
            return world

        yield make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A school in which nothing has happened yet."""
    return make_world()


@pytest.fixture
def seen() -> type[Seen]:
    """How a test writes a detection."""
    return Seen


@pytest.fixture
def people() -> Mapping[str, Actor]:
    """One person of each role, two officers and two fixers."""
    return PEOPLE


@pytest.fixture
def campus() -> dict[str, Any]:
    """The campus file of the small school, parsed."""
    return {name: [dict(row) for row in rows] for name, rows in CAMPUS.items()}
