"""Scenarios of the bank, from messages to tickets, on the scenario's own clock."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from alerts import Actor, AlertDispatch, Hazard, Page, open_database, read_registry
from detectors import Calendar, build, load_recipe
from ingest import METRIC_BY_NAME, BatchSettings, Catalog, Counts, Intake, residual
from simulators import World, build_campus, campus_toml, load_scenario, plan
from simulators.play.player import stream

STEP_MS = 10_000
MS_NS = 1_000_000
SECOND_NS = 1_000_000_000
ALL = Page(limit=10_000)
ADMIN = Actor("admin", frozenset(("admin",)))
Frame = tuple[int, int, bytes, bytes]


@dataclass
class Ended:
    """Result of a scenario."""

    world: World
    hazards: list[Hazard]
    tickets: list[Any]
    dispatch: AlertDispatch
    counts: dict[str, int]
    stored: list[tuple[str, int, int, float]]

    def of(self, cause: str) -> list[Hazard]:
        """Return the hazards of a cause, oldest first."""
        return sorted((hazard for hazard in self.hazards if hazard.cause == cause), key=lambda hazard: hazard.opened_ns)


def steps(world: World) -> Iterator[tuple[int, list[tuple[int, Frame]]]]:
    """Yield (end of step in ms, (arrival in ms, message) of the step), also for steps without messages."""
    until_ms, waiting = world.span_ms[0] + STEP_MS, list[tuple[int, Frame]]()
    for number, message in enumerate(stream(world)):
        while message.time_ms >= until_ms:
            yield until_ms, waiting
            until_ms, waiting = until_ms + STEP_MS, []
        flags = 0x01 if message.retain else 0x02
        frame = (flags, 1 + number % 65_535, message.topic.encode(), message.payload)
        waiting.append((message.time_ms, frame))
    yield until_ms, waiting


def play(scenario: str, folder: Path, *, faults: bool = True, only: str = "") -> Ended:
    """Run every message through intake, detectors and alerts; faults: all or none; only: one kind of fault."""
    table = load_scenario(scenario)
    kept = tuple(fault for fault in table.faults if faults and only in {"", fault[0]})
    campus = build_campus(seed=3)
    world = plan(replace(table, faults=kept), campus)
    registry = read_registry(tomllib.loads(campus_toml(campus)))
    catalog = Catalog(registry.sensors)
    now = [world.span_ms[0] * MS_NS]
    dispatch = AlertDispatch(open_database(f"sqlite:///{folder / 'alerts.sqlite'}"), registry, lambda: now[0])
    detector = build(load_recipe(), catalog, Calendar.from_table(registry.calendar))
    intake = Intake(catalog, batch=BatchSettings(age_s=10))
    counts: dict[str, int] = {}
    stored: list[tuple[str, int, int, float]] = []
    for cursor, (moment_ms, arrived) in enumerate(steps(world), 1):
        now[0] = moment_ms * MS_NS
        for arrival_ms, frame in arrived:
            intake.accept([frame], arrival_ms * MS_NS)
        intake.tick(now[0])
        sealed = intake.seal()
        assert sealed is not None
        assert not any(residual(sealed.of(Counts).rows).values())
        for count, rows in sealed.of(Counts).rows.items():
            counts[count.reason or count.outcome] = counts.get(count.reason or count.outcome, 0) + rows
        batch = sealed.batch
        names = [catalog[code].id for code in batch.sensor.tolist()]
        stored += zip(names, batch.metric.tolist(), batch.time_ns.tolist(), batch.value.tolist(), strict=True)
        found = detector.update(batch)
        if len(found) and moment_ms <= world.span_ms[1]:  # after the end every sensor is offline
            dispatch.apply(found, catalog, cursor=cursor)
    dispatch.tick(now[0])
    hazards = dispatch.queries.hazards(ADMIN, site=None, active=None, page=ALL)
    return Ended(
        world,
        hazards,
        dispatch.queries.tickets(ADMIN, site=None, state=None, grade=None, page=ALL),
        dispatch,
        counts,
        stored,
    )


def test_s8_a_gateway_outage_is_one_hazard_and_its_fire_is_late(tmp_path: Path) -> None:
    """Six hours offline: one hazard for all its sensors, opened within minutes; the backfilled fire is late."""
    ended = play("S8", tmp_path)
    gap = next(truth for truth in ended.world.truths() if truth.kind == "gateway_silent")
    fire = next(truth for truth in ended.world.truths() if truth.kind == "fire")
    [silent] = [hazard for hazard in ended.hazards if hazard.kind in {"gateway_silent", "sensor_silent"}]
    assert silent.kind == "gateway_silent"
    assert gap.onset_ms < silent.decided_ns // MS_NS < gap.onset_ms + 120_000
    assert not silent.active
    fires = ended.of("fire")
    assert fires
    assert all(hazard.late for hazard in fires), "a fire in backfilled data is late"
    places = {place for hazard in fires for place in (hazard.place, *hazard.places)}
    assert places >= {device.removeprefix("smoke-") for device in fire.devices[:1]}
    assert all(hazard.recorded_ns // MS_NS >= gap.end_ms for hazard in fires)
    assert ended.counts["received"] == ended.counts["stored"] + ended.counts.get("duplicate", 0)


def test_s9_wrong_clocks_neither_hide_nor_create_a_fire(tmp_path: Path) -> None:
    """Wrong zone, drift, 1970, summer time: the dormitory fire is live and on time, stored times are corrected."""
    ended = play("S9", tmp_path)
    fire = next(truth for truth in ended.world.truths() if truth.kind == "fire")
    assert fire.harm_at_ms is not None
    [first, *_] = ended.of("fire")
    assert not first.late
    assert fire.onset_ms < first.opened_ns // MS_NS < fire.harm_at_ms
    clean = play("S9", _folder(tmp_path, "clean"), faults=False)
    assert _named(ended, "fire") == _named(clean, "fire")
    assert ended.counts["clock_corrected"] > 10_000
    gauges = 2
    assert ended.counts.get("time_past", 0) <= 4 * gauges, "a clock of 1970 costs three rejected messages"


@pytest.fixture(scope="module")
def clean_s10(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Return the result of a run without faults."""
    return play("S10", tmp_path_factory.mktemp("clean"), faults=False)


def test_s10_duplicates_and_retained_copies_change_no_decision(clean_s10: Ended, tmp_path: Path) -> None:
    """With 5 % duplicates, or with retained copies, the decisions equal those of a clean run byte for byte."""
    clean = _decisions(clean_s10)
    assert clean
    for kind in ("duplicates", "retained"):
        ended = play("S10", _folder(tmp_path, kind), only=kind)
        assert ended.counts.get("duplicate", 0) + ended.counts.get("retained", 0) > 100
        assert _decisions(ended) == clean


def test_s10_reordered_messages_give_the_same_alarms(clean_s10: Ended, tmp_path: Path) -> None:
    """Messages out of order within two minutes: the same readings, the same hazards, the same tickets.

    At the start, a declared sensor is missing until its delayed first message; that is no difference.
    """
    clean, ended = clean_s10, play("S10", tmp_path)
    assert sorted(clean.stored, key=repr) != []
    assert _measured(ended) == _measured(clean)
    ended.hazards = [hazard for hazard in ended.hazards if not _awaited(ended, hazard)]
    known = {hazard.id for hazard in ended.hazards}
    assert _named(ended) == _named(clean)
    assert [(ticket.kind, ticket.place, ticket.grade) for ticket in ended.tickets if ticket.hazard in known] == [
        (ticket.kind, ticket.place, ticket.grade) for ticket in clean.tickets
    ]
    for late, right in zip(ended.of("fire"), clean.of("fire"), strict=True):
        assert abs(late.opened_ns - right.opened_ns) <= 120 * SECOND_NS


def _awaited(ended: Ended, hazard: Hazard) -> bool:
    """Return whether a sensor was missing in the first minutes, and has arrived."""
    begun_ns = ended.world.span_ms[0] * MS_NS
    missing = hazard.kind in {"sensor_silent", "gateway_silent", "detector_lost"}
    return missing and not hazard.active and hazard.decided_ns < begun_ns + 600 * SECOND_NS


def _folder(path: Path, name: str) -> Path:
    (path / name).mkdir()
    return path / name


def _named(ended: Ended, cause: str = "") -> list[tuple[str, str, str, bool]]:
    return sorted((h.place, h.cause, h.grade.colour, h.late) for h in ended.hazards if cause in {"", h.cause})


def _measured(ended: Ended) -> list[tuple[str, int, int, float]]:
    """Return the readings of devices, without those of the service about its clock, gaps and missing sensors."""
    own = {METRIC_BY_NAME[name].code for name in ("data_gap", "awaited")}
    return sorted(row for row in ended.stored if row[0] != "clock" and row[1] not in own)


def _decisions(ended: Ended) -> list[bytes]:
    """Return the entries of the journal in the form that the chain covers."""
    events = ended.dispatch.queries.audit(ADMIN, page=Page(100_000))
    return [repr((event.kind, event.subject, event.facts)).encode() for event in events]
