"""Scenarios of the bank, from messages to tickets, on the scenario's own clock: gateways, clocks, repeats."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alerts import Actor, AlertDispatch, Hazard, Page, open_database, read_registry
from detectors import Calendar, build, load_recipe
from ingest import METRIC_BY_NAME, BatchSettings, Catalog, Counts, Intake, residual
from simulators import World, build_campus, campus_toml, load_scenario, plan
from simulators.play.player import stream

STEP_MS = 5_000
MS_NS = 1_000_000
SECOND_NS = 1_000_000_000
ALL = Page(limit=10_000)
ADMIN = Actor("admin", frozenset(("admin",)))
Frame = tuple[int, int, bytes, bytes]


@dataclass
class Ended:
    """What a scenario left behind."""

    world: World
    hazards: list[Hazard]
    tickets: list[Any]
    desk: AlertDispatch
    counts: dict[str, int]
    stored: list[tuple[str, int, int, float]]

    def of(self, cause: str) -> list[Hazard]:
        """The hazards of a cause, oldest first."""
        return sorted((hazard for hazard in self.hazards if hazard.cause == cause), key=lambda hazard: hazard.opened_ns)


def steps(world: World) -> Iterator[tuple[int, list[tuple[int, Frame]]]]:
    """(moment in ms, (arrival in ms, message) until then), a step at a time; steps without messages too."""
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
    """Every message through intake, detectors and desk; faults: all or none; only: those of a kind."""
    table = load_scenario(scenario)
    kept = tuple(fault for fault in table.faults if faults and only in {"", fault[0]})
    campus = build_campus(seed=3)
    world = plan(replace(table, faults=kept), campus)
    registry = read_registry(tomllib.loads(campus_toml(campus)))
    catalog = Catalog(registry.sensors)
    now = [world.span_ms[0] * MS_NS]
    desk = AlertDispatch(open_database(f"sqlite:///{folder / 'alerts.sqlite'}"), registry, lambda: now[0])
    detector = build(load_recipe(), catalog, Calendar.from_table(registry.calendar))
    door = Intake(catalog, batch=BatchSettings(age_s=10))
    counts: dict[str, int] = {}
    stored: list[tuple[str, int, int, float]] = []
    for cursor, (moment_ms, arrived) in enumerate(steps(world), 1):
        now[0] = moment_ms * MS_NS
        for arrival_ms, frame in arrived:
            door.accept([frame], arrival_ms * MS_NS)
        door.tick(now[0])
        sealed = door.seal()
        assert sealed is not None
        assert not any(residual(sealed.of(Counts).rows).values())
        for count, rows in sealed.of(Counts).rows.items():
            counts[count.reason or count.outcome] = counts.get(count.reason or count.outcome, 0) + rows
        batch = sealed.batch
        names = [catalog[code].id for code in batch.sensor.tolist()]
        stored += zip(names, batch.metric.tolist(), batch.time_ns.tolist(), batch.value.tolist(), strict=True)
        found = detector.update(batch)
        if len(found) and moment_ms <= world.span_ms[1]:  # behind the end everything falls silent
            desk.apply(found, catalog, cursor=cursor)
    desk.tick(now[0])
    hazards = desk.queries.hazards(ADMIN, site=None, active=None, page=ALL)
    return Ended(
        world, hazards, desk.queries.tickets(ADMIN, site=None, state=None, grade=None, page=ALL), desk, counts, stored
    )


def test_s8_a_gateway_is_one_finding_and_the_fire_in_the_gap_a_late_one(tmp_path: Path) -> None:
    """Six hours off: one hazard for all that hangs on it, found within minutes; on return the fire is told as late."""
    ended = play("S8", tmp_path)
    gap = next(truth for truth in ended.world.truths() if truth.kind == "gateway_silent")
    fire = next(truth for truth in ended.world.truths() if truth.kind == "fire")
    [silent] = [hazard for hazard in ended.hazards if hazard.kind in {"gateway_silent", "sensor_silent"}]
    assert silent.kind == "gateway_silent"
    assert gap.onset_ms < silent.decided_ns // MS_NS < gap.onset_ms + 120_000
    assert not silent.active
    fires = ended.of("fire")
    assert fires
    assert all(hazard.late for hazard in fires), "what burned in the gap is no fire of the moment"
    assert {hazard.place for hazard in fires} >= {device.removeprefix("smoke-") for device in fire.devices[:1]}
    assert all(hazard.recorded_ns // MS_NS >= gap.end_ms for hazard in fires)
    assert ended.counts["received"] == ended.counts["stored"] + ended.counts.get("duplicate", 0)


def test_s9_wrong_clocks_neither_hide_the_fire_nor_make_one(tmp_path: Path) -> None:
    """Zones, drift, 1970, summer time: the dormitory's fire is live and on time, and stored times come right."""
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
    assert ended.counts.get("time_past", 0) <= 4 * gauges, "a clock of 1970 is refused three messages long"


def test_s10_repeats_and_ghosts_change_no_decision(tmp_path: Path) -> None:
    """Five in a hundred come twice, retained ghosts besides: decisions of a clean run, byte for byte."""
    clean = _decisions(play("S10", _folder(tmp_path, "clean"), faults=False))
    assert clean
    for kind in ("duplicates", "retained"):
        ended = play("S10", _folder(tmp_path, kind), only=kind)
        assert ended.counts.get("duplicate", 0) + ended.counts.get("retained", 0) > 100
        assert _decisions(ended) == clean


def test_s10_reordered_the_alarms_are_the_same(tmp_path: Path) -> None:
    """All overtakes all within two minutes: the same readings, the same hazards, the same tickets."""
    clean, ended = play("S10", _folder(tmp_path, "clean"), faults=False), play("S10", _folder(tmp_path, "all"))
    assert sorted(clean.stored, key=repr) != []
    assert _measured(ended) == _measured(clean)
    assert _named(ended) == _named(clean)
    assert [(ticket.kind, ticket.place, ticket.grade) for ticket in ended.tickets] == [
        (ticket.kind, ticket.place, ticket.grade) for ticket in clean.tickets
    ]
    for late, right in zip(ended.of("fire"), clean.of("fire"), strict=True):
        assert abs(late.opened_ns - right.opened_ns) <= 120 * SECOND_NS


def _folder(path: Path, name: str) -> Path:
    (path / name).mkdir()
    return path / name


def _named(ended: Ended, cause: str = "") -> list[tuple[str, str, str, bool]]:
    return sorted((h.place, h.cause, h.grade.colour, h.late) for h in ended.hazards if cause in {"", h.cause})


def _measured(ended: Ended) -> list[tuple[str, int, int, float]]:
    """What devices measured; the service's own clock and gaps are its own."""
    gap = METRIC_BY_NAME["data_gap"].code
    return sorted(row for row in ended.stored if row[0] != "clock" and row[1] != gap)


def _decisions(ended: Ended) -> list[bytes]:
    """The journal's entries, as they stand in the chain."""
    events = ended.desk.queries.audit(ADMIN, page=Page(100_000))
    return [repr((event.kind, event.subject, event.facts)).encode() for event in events]
