"""Course of coverage: begin of each blind room, and candidate major dangers of sleeping rooms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection, delete, insert, select

from alerts.database import journal, rows
from alerts.database.row_changes import RowChange, added, removed
from alerts.database.schema import blind_rooms, findings, hazards
from alerts.hazards.findings import DETECTOR_LOST, DETECTOR_MISSING, Observation
from alerts.hazards.own_findings import own_finding
from alerts.model import Finding
from alerts.risk.registry import Registry
from detectors import Phase

from .requirements import requirements
from .rooms import DUSTY, FAULTY, NEVER, NONE, STUCK, Room

Key = tuple[str, str, str]
RULE = "coverage"
LEVEL = 1
CANDIDATES = frozenset((NONE, NEVER, STUCK, DUSTY, FAULTY))
"""Causes that no other finding makes a candidate: offline detectors have a rule of their own."""
TEXT: Mapping[str, tuple[str, str]] = {
    NONE: ("未安装火灾探测器", "no fire detector is installed"),
    NEVER: ("探测器从未上报", "its detector has never reported"),
    STUCK: ("探测器卡死", "its detector is stuck"),
    DUSTY: ("探测器积尘、零点漂移", "its detector is dusty, its zero has drifted"),
    FAULTY: ("探测器故障", "its detector is faulty"),
}


def settle(connection: Connection, found: Iterable[Room], *, now_ns: int) -> dict[Key, int]:
    """Keep begin and cause of the blind rooms in the caller's transaction, audited; return the begin of each."""
    blind = {(one.site, one.place, one.detection): one for one in found if one.cause}
    known = {(row.site, row.place, row.detection): row for row in connection.execute(select(blind_rooms))}
    since, changes = dict[Key, int](), dict[str, list[RowChange]]()
    for key, one in blind.items():
        before = known.get(key)
        since[key] = before.since_ns if before is not None else (one.since_ns or now_ns)
        if before is None or before.cause != one.cause:
            row = {"site": key[0], "place": key[1], "detection": key[2], "cause": one.cause, "since_ns": since[key]}
            _forget(connection, key)
            connection.execute(insert(blind_rooms).values(row))
            changes.setdefault(key[0], []).append(added(blind_rooms, row))
    for key in known.keys() - blind.keys():
        _forget(connection, key)
        gone = {"site": key[0], "place": key[1], "detection": key[2]}
        changes.setdefault(key[0], []).append(removed(blind_rooms, gone))
    for site, made in sorted(changes.items()):
        facts = {"blind": sum(one.site == site for one in blind.values()), "changed": len(made)}
        journal.append(
            connection,
            at_ns=now_ns,
            actor="system",
            kind="coverage.changed",
            site=site,
            subject="coverage",
            facts=facts,
            rows=made,
        )
    return since


def candidates(
    connection: Connection, registry: Registry, found: Iterable[Room], since: Mapping[Key, int], *, now_ns: int
) -> Iterator[Observation]:
    """Yield begins and ends of findings about sleeping rooms without a working detector, after the grace time.

    A room without any detector has a kind of its own, which waits for the officer and is not on the wall.
    """
    active = active_of(connection, RULE)
    wanted = dict[tuple[str, str], Room]()
    for room in found:
        begin_ns = since.get((room.site, room.place, room.detection), now_ns)
        sleeping = room.detection == "fire" and registry.sleeps(room.site, room.place)
        if sleeping and room.cause in CANDIDATES and now_ns - begin_ns >= requirements().grace_ns:
            wanted[room.site, f"{RULE}:{room.place}"] = room
    for key, room in wanted.items():
        kind = DETECTOR_MISSING if room.cause == NONE else DETECTOR_LOST
        if key in active and active[key][0].kind != kind:
            yield _end(active[key], now_ns)
        if key not in active or active[key][0].kind != kind:
            name, (zh, en) = registry.place_name(room.site, room.place), TEXT[room.cause]
            text = {"zh": f"{name['zh']}：{zh}", "en": f"{name['en']}: {en}"}
            clears = {"zh": "有探测器正常上报后解除。", "en": "a working detector reports from the room"}
            seen = own_finding(
                room.site,
                room.place,
                kind,
                rule=RULE,
                sensor=key[1],
                level=LEVEL,
                text=text,
                clears=clears,
                first_ns=now_ns,
                now_ns=now_ns,
                page=False,
            )
            yield Observation(seen, Phase.RAISE, room.place, room.zone)
    yield from ended(active, wanted.keys(), now_ns)


def active_of(connection: Connection, rule: str) -> dict[tuple[str, str], tuple[Finding, str, str]]:
    """Return (site, sensor) -> active finding of a rule of this module, with place and zone of its hazard."""
    query = select(findings, hazards.c.place.label("at"), hazards.c.zone.label("within"))
    query = query.join(hazards, hazards.c.id == findings.c.hazard).where(findings.c.active, findings.c.rule == rule)
    return {
        (row.site, row.sensor): (rows.record(Finding, row), row.at, row.within) for row in connection.execute(query)
    }


def ended(
    active: Mapping[tuple[str, str], tuple[Finding, str, str]], wanted: Iterable[tuple[str, str]], now_ns: int
) -> Iterator[Observation]:
    """Yield the ends of the active findings that are not wanted any more."""
    for key in active.keys() - set(wanted):
        yield _end(active[key], now_ns)


def _end(known: tuple[Finding, str, str], now_ns: int) -> Observation:
    finding, place, zone = known
    return Observation(replace(finding, last_ns=now_ns, recorded_ns=now_ns), Phase.CLEAR, place, zone)


def _forget(connection: Connection, key: Key) -> None:
    own = blind_rooms.c
    same = (own.site == key[0], own.place == key[1], own.detection == key[2])
    connection.execute(delete(blind_rooms).where(*same))


def observed(connection: Connection, registry: Registry, found: Sequence[Room], *, now_ns: int) -> list[Observation]:
    """Return the begins and ends of findings about rooms of all sites; keep the begin of each blind room."""
    since = settle(connection, found, now_ns=now_ns)
    return [*candidates(connection, registry, found, since, now_ns=now_ns)]
