"""Play of one scenario on its own clock: messages, batches, detections, hazards, tickets, pages."""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

from alerts import Actor, AlertDispatch, Finding, Hazard, open_database, read_registry
from alerts import Page as Rows
from alerts.dangers.readings import StoredReadings
from detectors import Calendar, DetectionBatch, build, load_recipe
from ingest import BatchSettings, Catalog, Intake, Priority, Store
from ingest.decode import FOREIGN, decoders
from simulators import Campus, World, build_campus, campus_toml, load_scenario, plan
from simulators.play.player import Wire, chunks

MS_NS = 1_000_000
DAY_S, WEEK_S = 86_400.0, 604_800.0
SHORT, LONG, MONTHS = (60.0, 1_000, 0), (3_600.0, 60_000, 5_000), (21_600.0, 300_000, 300_000)
"""Seconds of one chunk, ms between two ticks, ms of messages that arrive together: up to a day, a week, and beyond."""
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
    world = planned(scenario, seed=seed)
    with tempfile.TemporaryDirectory(prefix="twinward-bank-") as folder:
        school = PlayedSchool(world, Path(folder))
        school.play(world)
        return school.result()


def planned(scenario: str, *, seed: int) -> World:
    """Return a scenario of the bank at the school of this seed. Raises ScenarioInvalid."""
    world = plan(load_scenario(scenario), build_campus(seed=seed))
    if world.scenario.duration_s > DAY_S and world.effects:
        return plan(world.scenario, affected(world))
    return world


def affected(world: World) -> Campus:
    """Return the campus with the devices of the affected kinds of zones; beyond a week, those of affected models only.

    Other devices change no finding of these windows: a play of months would take hours with them.
    """
    names = {(truth.site, name) for truth in world.truths() for name in truth.affected_devices}
    hit = [device for device in world.fleet.devices if (device.site, device.id) in names]
    keys, models = {device.zone_key for device in hit}, {device.model for device in hit}
    whole = world.scenario.duration_s <= WEEK_S
    kept = (one for one in world.campus.drawn if one.zone_key in keys and (whole or one.model in models))
    return replace(world.campus, drawn=tuple(kept))


def rounds(world: World) -> Iterator[tuple[list[tuple[int, Frame]], int]]:
    """Yield the messages of each chunk with their arrival (ms), and the end of the chunk (ms)."""
    wire, number = Wire(world), 0
    chunk_s = steps(world)[0]
    for _, end_ms in chunks(world.span_ms, chunk_s):
        due: list[tuple[int, Frame]] = []
        for message in wire.advance(end_ms):
            number += 1
            flags = 0x01 if message.retain else 0x02
            due.append((message.time_ms, (flags, 1 + number % 65_535, message.topic.encode(), message.payload)))
        yield due, end_ms


def steps(world: World) -> tuple[float, int, int]:
    """Return SHORT, LONG or MONTHS, by the length of the scenario."""
    if world.scenario.duration_s <= DAY_S:
        return SHORT
    return LONG if world.scenario.duration_s <= WEEK_S or not world.effects else MONTHS


class PlayedSchool:
    """Intake, detectors and alerts of one school on the clock of its plays, without threads and logs.

    store: receives the readings; without it a proof of repair checks no readings.
    """

    def __init__(self, world: World, folder: Path, *, store: Store | None = None) -> None:
        self._world, self._store = world, store
        self.registry = read_registry(tomllib.loads(campus_toml(world.campus)))
        self._catalog = Catalog(self.registry.sensors)
        self.now_ns = world.span_ms[0] * MS_NS
        self._ticked_ms = world.span_ms[0]
        self.engine = open_database(f"sqlite:///{folder / 'alerts.sqlite'}")
        self.dispatch = AlertDispatch(self.engine, self.registry, lambda: self.now_ns)
        if store is not None:
            self.dispatch.readings = StoredReadings(store, self._catalog)
        calendar = Calendar.from_table(self.registry.calendar)
        self._detector = build(load_recipe(), self._catalog, calendar, plan=self.registry.plan())
        self._intake = Intake(self._catalog, decoders(FOREIGN), batch=BatchSettings(age_s=10))
        self._cursor = self._messages = self._written = 0

    def play(self, world: World) -> None:
        """Play a scenario of the same devices; it starts at or after the end of the one before."""
        _, tick_ms, together_ms = steps(world)
        for due, end_ms in rounds(world):
            self._receive(due, end_ms, tick_ms=tick_ms, together_ms=together_ms)

    def _receive(self, due: list[tuple[int, Frame]], end_ms: int, *, tick_ms: int, together_ms: int) -> None:
        """Take the messages of a chunk with the ticks between them, and apply their detections."""
        at = 0
        for tick in (*range(self._ticked_ms + tick_ms, end_ms, tick_ms), end_ms):
            while at < len(due) and due[at][0] < tick:
                first, until_ms = at, due[at][0] + together_ms
                while at < len(due) and due[at][0] <= until_ms and due[at][0] < tick:
                    at += 1
                self._intake.accept([frame for _, frame in due[first:at]], due[at - 1][0] * MS_NS)
            self._intake.tick(tick * MS_NS)
            self._ticked_ms = tick
        self._messages += len(due)
        self._apply(end_ms * MS_NS)

    def _apply(self, end_ns: int) -> None:
        sealed = self._intake.seal()
        if sealed is None:
            return
        for part in _by_decision(self._detector.update(sealed.batch)):
            self._cursor += 1
            self.now_ns = int(part.decided_ns[0])
            self.dispatch.apply(part, self._catalog, cursor=self._cursor, lane=Priority.URGENT)
        if self._store is not None:
            self._written += 1
            self._store.write(sealed.batch, cursor=self._written)
        self.now_ns = end_ns
        self.dispatch.tick(end_ns)

    def result(self) -> Played:
        """Return hazards, findings and pages of the play, and close the database."""
        queries = self.dispatch.queries
        hazards = queries.hazards(READER, site=None, active=None, page=ALL)
        findings = queries.findings(READER, site=None, hazard=None, page=ALL)
        tickets = queries.tickets(READER, site=None, state=None, grade=None, page=ALL)
        notices = queries.notices(READER, site=None, page=ALL)
        pages = [Page(one.created_ns, one.hazard, one.type) for one in notices if one.channel == CONSOLE]
        self.engine.dispose()
        by_time = tuple(sorted(pages, key=lambda page: (page.at_ns, page.hazard)))
        return Played(self._world, self._messages, tuple(hazards), tuple(findings), len(tickets), by_time)


def _by_decision(found: DetectionBatch) -> Iterator[DetectionBatch]:
    """Yield the detections of each decision time, in order."""
    begin = 0
    for end in range(1, len(found) + 1):
        if end == len(found) or found.decided_ns[end] != found.decided_ns[begin]:
            yield DetectionBatch(**{field.name: getattr(found, field.name)[begin:end] for field in fields(found)})
            begin = end
