"""Synthetic rows of the schools of a bureau: register, dangers, tickets, inspections, journal.

Rows are written straight into the tables, so the journal explains no row of them; `verify audit` would report each.
Of three open tickets, two have a hazard with one active detection; a person found the third.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Table

from alerts import Danger, Finding, Grade, Hazard, Ticket
from alerts.database import journal, rows, schema
from alerts.model import identity
from alerts.risk.content import Content, Factors, Measure, Source, Text

from . import bureau_people
from .bureau_size import DAY_NS, HOUR_NS, PLACES, Size, site_of, zone_of
from .bureau_writer import Row, write

POINTS, INSPECTIONS = 60, 12
"""Of each school; a risk point belongs to a place."""
CHUNK = 2_000
"""Rows of one transaction."""
CAUSES = ("fire", "flood", "gas")
"""Causes of the hazards; each has one kind of the same name."""
GRADES = (Grade.RED, Grade.ORANGE, Grade.ORANGE, Grade.YELLOW, Grade.YELLOW, Grade.YELLOW, Grade.BLUE)
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Case:
    """An open danger with its ticket. hazard, finding: None for one that a person found."""

    danger: Danger
    ticket: Ticket
    hazard: Hazard | None = None
    finding: Finding | None = None


def load(engine: Engine, size: Size, now_ns: int, progress: Progress) -> None:
    """Write the rows, a transaction for each chunk; on PostgreSQL, update the statistics of its planner."""
    registers: list[tuple[str, Table, Iterable[Row], int]] = [
        ("risk points", schema.risk_points, _points(size, now_ns), size.schools * POINTS),
        ("grades", schema.risk_grades, _grades(size, now_ns), 2 * size.schools * POINTS),
        ("inspections", schema.inspections, _inspections(size, now_ns), size.schools * INSPECTIONS),
        *bureau_people.tables(size, now_ns),
    ]
    for name, table, made, number in registers:
        for done, chunk in _chunks(made):
            with engine.begin() as connection:
                write(connection, table, chunk)
            progress(f"bureau: {name}: {done:,} of {number:,}")
    for done, cases in _chunks(_cases(size, now_ns)):
        with engine.begin() as connection:
            _add(connection, cases)
        progress(f"bureau: tickets: {done:,} of {size.tickets:,}")
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE")


def _add(connection: Connection, cases: Sequence[Case]) -> None:
    """Insert dangers with ticket, hazard and detection, and a journal entry of each ticket."""
    made: list[tuple[Table, Sequence[Any]]] = [
        (schema.dangers, [case.danger for case in cases]),
        (schema.tickets, [case.ticket for case in cases]),
        (schema.hazards, [case.hazard for case in cases if case.hazard]),
        (schema.findings, [case.finding for case in cases if case.finding]),
    ]
    for table, items in made:
        write(connection, table, [rows.values_of(item) for item in items])
    evidence = [case.danger for case in cases if case.hazard is not None]
    links = [{"hazard": danger.id, "danger": danger.id, "site": danger.site} for danger in evidence]
    write(connection, schema.danger_hazards, links)
    write(
        connection,
        schema.journal,
        journal.linked(map(_entry, (case.ticket for case in cases)), *journal.tip(connection)),
    )


def _chunks(made: Iterable[Any]) -> Iterator[tuple[int, list[Any]]]:
    """Return the items in lists of CHUNK, each with the number of items so far."""
    done, left = 0, iter(made)
    while chunk := [*itertools.islice(left, CHUNK)]:
        done += len(chunk)
        yield done, chunk


def _points(size: Size, now_ns: int) -> Iterator[Row]:
    drafts = [_content(number) for number in range(POINTS)]
    for school, number in itertools.product(range(size.schools), range(POINTS)):
        grade = _grade(school, number)
        yield {
            "site": site_of(school), "id": f"point-{number}", "zone": zone_of(number), "number": number + 1,
            "state": "approved", "draft": drafts[number], "approved": drafts[number], "inherent": int(grade),
            "existing": int(grade), "live": int(grade), "version": 2, "approved_version": 2, "edited_by": "officer",
            "edited_ns": now_ns - 400 * DAY_NS, "approved_by": "principal", "approved_ns": now_ns - 399 * DAY_NS,
        }  # fmt: skip


def _grades(size: Size, now_ns: int) -> Iterator[Row]:
    """Return two grades of each point: of its approval, and of 20 days ago."""
    for school, number, days in itertools.product(range(size.schools), range(POINTS), (399, 20)):
        grade = int(_grade(school, number + days))
        yield {
            "site": site_of(school), "point": f"point-{number}", "since_ns": now_ns - days * DAY_NS,
            "zone": zone_of(number), "name": {"zh": f"风险点{number}", "en": f"Point {number}"}, "grade": grade,
            "existing": grade, "version": 2, "cause": "approved",
        }  # fmt: skip


def _content(number: int) -> Row:
    source = Source(Text("私拉电线", "improvised wiring"), Text("火灾", "fire"), ("fire",))
    check = Measure("m1", Text("每日巡查", "daily patrol"), post="dorm", cycle_days=1)
    name, factors = Text(f"风险点{number}", f"Point {number}"), Factors(version="1", likelihood=2, severity=4)
    return Content(
        name, zone_of(number), f"room-{number % PLACES}", hazard=CAUSES[number % 3], sources=(source,),
        inherent=factors, existing=factors, measures=(check,), level="post", post="dorm",
    ).plain()  # fmt: skip


def _inspections(size: Size, now_ns: int) -> Iterator[Row]:
    for school, number in itertools.product(range(size.schools), range(INSPECTIONS)):
        begin_ns = now_ns - number * 7 * DAY_NS
        yield {
            "site": site_of(school), "id": f"weekly-{number}", "kind": "weekly", "plan": "",
            "name": {"zh": "每周检查", "en": "Weekly inspection"}, "post": "dorm", "state": "done",
            "begin_ns": begin_ns, "end_ns": begin_ns + HOUR_NS, "route": [], "left_off": 0, "proofs": {},
            "created_by": "officer", "created_ns": begin_ns, "started_by": "officer", "started_ns": begin_ns,
            "ended_by": "officer", "ended_ns": begin_ns + HOUR_NS, "version": 3,
        }  # fmt: skip


def _entry(ticket: Ticket) -> journal.Entry:
    facts = {"number": ticket.number, "grade": ticket.grade.colour, "due_ns": ticket.due_ns}
    return journal.Entry(ticket.opened_ns, "system", "ticket.opened", ticket.site, ticket.id, facts)


def _cases(size: Size, now_ns: int) -> Iterator[Case]:
    """Return the open dangers, the oldest first, spread evenly over the schools and the last year."""
    step_ns = 365 * DAY_NS // size.tickets
    for number in range(size.tickets):
        opened_ns = now_ns - (size.tickets - number) * step_ns
        turn, school = divmod(number, size.schools)
        place, case = turn % PLACES, turn + school
        site, room, cause = site_of(school), f"room-{place}", CAUSES[turn // PLACES % len(CAUSES)]
        name, grade = identity("bench", number), GRADES[case % len(GRADES)]
        sensed = case % 3 != 0
        danger = Danger(
            name, site, zone_of(place), room, f"point-{place}", cause, "sensor" if sensed else "patrol",
            {"zh": f"{room}异常", "en": f"{room} is out of order"}, "" if sensed else "officer", opened_ns, 1, (),
            None, 1,
        )  # fmt: skip
        ticket = Ticket(
            name, f"{site}-{number:06d}", name, name if sensed else None, site, danger.zone, room, cause, grade,
            grade is Grade.RED, "assigned", opened_ns, opened_ns + DAY_NS, case % 4 == 0, case % 40 == 0, False, 0,
            "", (), "", None, None, "", False, None, {}, {}, opened_ns + HOUR_NS, False, None, None, {}, 1,
        )  # fmt: skip
        yield Case(danger, ticket, *(_alarm(danger, grade, opened_ns, place) if sensed else ()))


def _alarm(danger: Danger, grade: Grade, at_ns: int, place: int) -> tuple[Hazard, Finding]:
    text, clears = {"zh": "烟雾升高", "en": "smoke rises"}, {"zh": "恢复正常", "en": "back to normal"}
    sensor = f"smoke-{place}"
    highest = {"value": 0.3, "unit": "dB/m", "metric": "smoke_density", "sensor": sensor, "at_ns": at_ns}
    hazard = Hazard(
        danger.id, danger.site, danger.zone, danger.place, danger.cause, danger.cause, grade, 4.0, 4.0, "ls", True,
        False, False, 1, at_ns, at_ns, None, 0, at_ns, at_ns, at_ns, None if at_ns % 2 else "operator", at_ns, text,
        clears, at_ns, grade, highest, int(grade), (), 1,
    )  # fmt: skip
    evidence = {"window_s": 10, "limit": 0.1, "value": 0.3, "unit": "dB/m", "text": text, "clears": clears}
    finding = Finding(
        danger.id, hazard.id, danger.site, sensor, "smoke_density", "smoke-limit", "threshold", danger.cause, 2, True,
        at_ns, at_ns, 0, at_ns, at_ns, at_ns, None, 0.9, False, False, "live", evidence,
    )  # fmt: skip
    return hazard, finding


def _grade(school: int, number: int) -> Grade:
    return GRADES[(school + number) % len(GRADES)]
