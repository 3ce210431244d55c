"""Reader of rosters: one table for the TOML file and for the HTTP interface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from itertools import pairwise
from pathlib import Path
from typing import Any

from alerts.errors import RosterError
from ingest import TableReader, load_toml

from .model import MEDIA, ORDER, Chain, ChannelOrder, DutyException, Person, Post, Roster, Shift

TABLES = ("person", "post", "shift", "exception", "chain", "order")
ROWS_MAX = 2_000
"""Rows of one table of a roster."""


def load_rosters(path: Path | None) -> dict[str, dict[str, Any]]:
    """Return the table of each site of a roster file. Raises RosterError with all errors of the whole file."""
    if path is None:
        return {}
    table = load_toml(path, RosterError)
    tables: dict[str, dict[str, Any]] = {}
    errors: list[str] = []
    for name in TABLES:
        rows = table.get(name, [])
        for row in rows if isinstance(rows, list) else []:
            site = row.get("site") if isinstance(row, dict) else None
            if isinstance(site, str) and site:
                tables.setdefault(site, {}).setdefault(name, []).append(row)
            else:
                errors.append(f"{path}: {name}: site is missing; allowed is the id of a site")
    errors += [f"{path}: {name}: unknown key; allowed is {', '.join(TABLES)}" for name in table.keys() - set(TABLES)]
    for site, content in tables.items():
        try:
            read_roster(site, content, source=str(path))
        except RosterError as error:
            errors += error.errors
    if errors:
        raise RosterError(errors)
    return {site: plain(content) for site, content in tables.items()}


def read_roster(site: str, table: Mapping[str, Any], *, source: str = "") -> Roster:
    """Return the roster of a site; rows without a site are of this one. Raises RosterError with all errors."""
    filled = {name: _of_site(site, rows) for name, rows in table.items()}
    reader = TableReader(filled, RosterError, source=source)
    reader.expect(*TABLES)
    reader.report(*(f"{name}: {len(rows)} rows; allowed is {ROWS_MAX}" for name, rows in filled.items() if _long(rows)))
    reader.finish()
    persons = {one.id: one for one in reader.rows("person", Person, key=("id",))}
    posts = {one.id: one for one in reader.rows("post", Post, key=("id",))}
    shifts = tuple(reader.rows("shift", Shift, key=("post", "begin", "days", "persons")))
    exceptions = tuple(reader.rows("exception", DutyException, key=("person", "begin"), check=_backward))
    chains = tuple(reader.rows("chain", Chain, key=("id",), check=_empty))
    orders = {one.grade: one.after_s for one in reader.rows("order", ChannelOrder, key=("grade",))}
    roster = Roster(site, persons, posts, shifts, exceptions, chains, {**ORDER, **orders})
    if not reader.errors:
        reader.report(*_foreign(roster), *_dangling(roster), *_circular(roster))
    reader.finish()
    return roster


def plain(value: Any) -> Any:
    """Return a parsed table with dates and times as texts, as JSON has them."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.isoformat() if isinstance(value, datetime | date | time) else value


def _of_site(site: str, rows: Any) -> Any:
    if not isinstance(rows, list):
        return rows
    return [{"site": site} | row if isinstance(row, dict) else row for row in rows]


def _long(rows: Any) -> bool:
    return isinstance(rows, list) and len(rows) > ROWS_MAX


def _backward(one: DutyException) -> Iterator[str]:
    if one.end <= one.begin:
        yield f"end = {one.end:%Y-%m-%dT%H:%M}: allowed is a time after the begin"
    if one.substitute == one.person:
        yield f"substitute = {one.substitute!r}: allowed is another person"


def _empty(chain: Chain) -> Iterator[str]:
    if not chain.steps:
        yield "steps: allowed is one step or more"
    for number, step in enumerate(chain.steps, 1):
        if not (step.posts or step.deputies or step.persons):
            yield f"steps {number}: allowed is one or more of posts, deputies, persons"


def _foreign(roster: Roster) -> Iterator[str]:
    rows: tuple[Sequence[Person | Post | Shift | DutyException | Chain], ...] = (
        [*roster.persons.values()],
        [*roster.posts.values()],
        roster.shifts,
        roster.exceptions,
        roster.chains,
    )
    for other in sorted({row.site for part in rows for row in part} - {roster.site}):
        yield f"site = {other!r}: allowed is {roster.site!r}"


def _dangling(roster: Roster) -> Iterator[str]:
    """Yield errors of rows that name a person or post without a row, and of persons that no message reaches."""
    used: list[tuple[str, str]] = [(f"exception {one.person}.person", one.person) for one in roster.exceptions]
    used += [(f"exception {one.person}.substitute", one.substitute) for one in roster.exceptions if one.substitute]
    used += [(f"shift {one.post}.persons", person) for one in roster.shifts for person in one.persons]
    used += [(f"post {one.id}.deputies", person) for one in roster.posts.values() for person in one.deputies]
    steps = [(chain.id, step) for chain in roster.chains for step in chain.steps]
    used += [(f"chain {name}.persons", person) for name, step in steps for person in step.persons]
    for where, person in used:
        if person not in roster.persons:
            yield f"{where} = {person!r}: allowed is the id of a [[person]] of the same site"
    for name in sorted({person for _, person in used}):
        if name in roster.persons and not roster.persons[name].contacts:
            yield f"person {name}.contacts: no contact; allowed is one or more of {', '.join(MEDIA)}"
    posts = [(f"shift {one.post}.post", one.post) for one in roster.shifts]
    posts += [(f"chain {name}.posts", post) for name, step in steps for post in (*step.posts, *step.deputies)]
    posts += [(f"chain {one.id}.verify_posts", post) for one in roster.chains for post in one.verify_posts]
    posts += [(f"exception {one.person}.post", one.post) for one in roster.exceptions if one.post]
    for where, post in posts:
        if post not in roster.posts:
            yield f"{where} = {post!r}: allowed is the id of a [[post]] of the same site"


def _circular(roster: Roster) -> Iterator[str]:
    """Yield errors of overlapping exceptions whose substitutes replace each other."""
    for one in roster.exceptions:
        path, last = [one.person], one
        while last.substitute and last.substitute not in path:
            path.append(last.substitute)
            following = [on for on in roster.exceptions if on.person == last.substitute and _meet(one, on)]
            if not following:
                break
            last = following[0]
        if last.substitute == one.person:
            yield f"exception {one.person}.substitute: {' -> '.join([*path, one.person])}: allowed is no circle"
    ordered = sorted(roster.exceptions, key=lambda one: (one.person, one.post, one.begin))
    for first, second in pairwise(ordered):
        if (first.person, first.post) == (second.person, second.post) and _meet(first, second):
            yield f"exception {first.person}.begin: two exceptions of one time; allowed is one"


def _meet(one: DutyException, other: DutyException) -> bool:
    posts = not one.post or not other.post or one.post == other.post
    return posts and one.begin < other.end and other.begin < one.end
