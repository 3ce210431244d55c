"""Play of one scenario on its own clock: messages, batches, detections, hazards, tickets, pages."""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

from alerts import Actor, AlertDispatch, Finding, Hazard, open_database, read_registry
from alerts import Page as Rows
from detectors import Calendar, DetectionBatch, build, load_recipe
from ingest import BatchSettings, Catalog, Intake, Priority
from ingest.decode import FOREIGN, decoders
from simulators import Campus, World, build_campus, campus_toml, load_scenario, plan
from simulators.play.player import Wire, chunks

MS_NS = 1_000_000
DAY_S = 86_400.0
SHORT, LONG = (60.0, 1_000, 0), (3_600.0, 60_000, 60_000)
"""Seconds of one chunk, ms between two ticks, ms of messages that arrive together: up to a day, and beyond it."""
ALL = Rows(limit=1_000_000)
READER = Actor("bank", frozenset(("admin",)))
CONSOLE = "console"
Frame = tuple[int, int, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the console; at_ns: decision time of the detection that caused it."""

    at_ns: int
    hazard: str
    type: str


@dataclass(frozen=True, slots=True)
class Played:
    """Result of a play."""

    world: World
    messages: int
    hazards: tuple[Hazard, ...]
    findings: tuple[Finding, ...]
    tickets: int
    pages: tuple[Page, ...]


def play(scenario: str, *, seed: int) -> Played:
    """Play a scenario of the bank by name or file, as the service would receive it. Raises ScenarioInvalid."""
    campus = build_campus(seed=seed)
    world = plan(load_scenario(scenario), campus)
    if world.scenario.duration_s > DAY_S and world.effects:
        campus = _affected(world)
        world = plan(world.scenario, campus)
    with tempfile.TemporaryDirectory(prefix="twinward-bank-") as folder:
        service = _Service(world, campus_toml(campus), Path(folder))
        for due, moment_ms in _rounds(world):
            service.receive(due, moment_ms)
        return service.result()


def _affected(world: World) -> Campus:
    """Return the campus with the devices of the affected kinds of zones only: a play of months needs no other zones."""
    names = {(truth.site, name) for truth in world.truths() for name in truth.affected_devices}
    keys = {device.zone_key for device in world.fleet.devices if (device.site, device.id) in names}
    return replace(world.campus, drawn=tuple(device for device in world.campus.drawn if device.zone_key in keys))


def _rounds(world: World) -> Iterator[tuple[list[tuple[int, Frame]], int]]:
    """Yield the messages of each chunk with their arrival (ms), and the end of the chunk (ms)."""
    wire, number = Wire(world), 0
    chunk_s = _steps(world)[0]
    for _, end_ms in chunks(world.span_ms, chunk_s):
        due: list[tuple[int, Frame]] = []
        for message in wire.advance(end_ms):
            number += 1
            flags = 0x01 if message.retain else 0x02
            due.append((message.time_ms, (flags, 1 + number % 65_535, message.topic.encode(), message.payload)))
        yield due, end_ms


def _steps(world: World) -> tuple[float, int, int]:
    return SHORT if world.scenario.duration_s <= DAY_S else LONG


class _Service:
    """Intake, detectors and alerts of one school, without threads and logs."""

    def __init__(self, world: World, registry_toml: str, folder: Path) -> None:
        self._world, (_, self._tick_ms, self._together_ms) = world, _steps(world)
        self._registry = read_registry(tomllib.loads(registry_toml))
        self._catalog = Catalog(self._registry.sensors)
        self._now_ns = world.span_ms[0] * MS_NS
        self._ticked_ms = world.span_ms[0]
        self._engine = open_database(f"sqlite:///{folder / 'alerts.sqlite'}")
        self._dispatch = AlertDispatch(self._engine, self._registry, lambda: self._now_ns)
        self._detector = build(load_recipe(), self._catalog, Calendar.from_table(self._registry.calendar))
        self._intake = Intake(self._catalog, decoders(FOREIGN), batch=BatchSettings(age_s=10))
        self._cursor = self._messages = 0

    def receive(self, due: list[tuple[int, Frame]], end_ms: int) -> None:
        """Take the messages of a chunk with the ticks between them, and apply their detections."""
        at = 0
        for tick_ms in (*range(self._ticked_ms + self._tick_ms, end_ms, self._tick_ms), end_ms):
            while at < len(due) and due[at][0] < tick_ms:
                first, until_ms = at, due[at][0] + self._together_ms
                while at < len(due) and due[at][0] <= until_ms and due[at][0] < tick_ms:
                    at += 1
                self._intake.accept([frame for _, frame in due[first:at]], due[at - 1][0] * MS_NS)
            self._intake.tick(tick_ms * MS_NS)
            self._ticked_ms = tick_ms
        self._messages += len(due)
        self._apply(end_ms * MS_NS)

    def _apply(self, end_ns: int) -> None:
        sealed = self._intake.seal()
        if sealed is None:
            return
        for part in _by_decision(self._detector.update(sealed.batch)):
            self._cursor += 1
            self._now_ns = int(part.decided_ns[0])
            self._dispatch.apply(part, self._catalog, cursor=self._cursor, lane=Priority.URGENT)
        self._now_ns = end_ns
        self._dispatch.tick(end_ns)

    def result(self) -> Played:
        """Return hazards, findings and pages of the play, and close the database."""
        queries = self._dispatch.queries
        hazards = queries.hazards(READER, site=None, active=None, page=ALL)
        findings = queries.findings(READER, site=None, hazard=None, page=ALL)
        tickets = queries.tickets(READER, site=None, state=None, grade=None, page=ALL)
        notices = queries.notices(READER, site=None, page=ALL)
        pages = [Page(one.created_ns, one.hazard, one.type) for one in notices if one.channel == CONSOLE]
        self._engine.dispose()
        by_time = tuple(sorted(pages, key=lambda page: (page.at_ns, page.hazard)))
        return Played(self._world, self._messages, tuple(hazards), tuple(findings), len(tickets), by_time)


def _by_decision(found: DetectionBatch) -> Iterator[DetectionBatch]:
    """Yield the detections of each decision time, in order."""
    begin = 0
    for end in range(1, len(found) + 1):
        if end == len(found) or found.decided_ns[end] != found.decided_ns[begin]:
            yield DetectionBatch(**{field.name: getattr(found, field.name)[begin:end] for field in fields(found)})
            begin = end
