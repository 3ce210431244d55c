"""Criteria of major dangers: clauses with source and day of verification, and their candidates."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from sqlalchemy import Connection, insert, select, update

from alerts.database import journal
from alerts.database.row_changes import added, changed
from alerts.database.schema import guide_clauses
from alerts.errors import Invalid
from alerts.model import Danger, Hazard

from .clauses import Clause, Fault, as_clause_row, citation_of, faults

CLAUSES_MAX = 2_000


@cache
def shipped() -> tuple[Clause, ...]:
    """Return the clauses of the packaged guide: article 3, paragraph 1."""
    table = tomllib.loads(resources.files(__package__).joinpath("guide_2024.toml").read_text(encoding="utf-8"))
    shared = {name: table[name] for name in ("pack", "version", "source_url", "verified_at", "verified_by")}
    return tuple(
        Clause(
            id=f"{table['pack']}-3-1-{row['item']}",
            citation=citation_of(3, 1, row["item"]),
            text_zh=row["text_zh"],
            text_en=row["text_en"],
            judgement="direct",
            kinds=tuple(row.get("kinds", ())),
            hazards=tuple(row.get("hazards", ())),
            **shared,
        )
        for row in table["clause"]
    )


def clauses(connection: Connection) -> dict[str, Clause]:
    """Return all clauses by id: the packaged ones and those imported, which replace a packaged one of the same id."""
    imported = (clause_of(row.body) for row in connection.execute(select(guide_clauses).order_by(guide_clauses.c.id)))
    return {clause.id: clause for clause in (*shipped(), *imported)}


def candidates(known: Iterable[Clause], hazard: Hazard, key: str) -> tuple[str, ...]:
    """Return the ids of the clauses that make the hazard's danger a candidate major danger. key: of its zone."""
    return tuple(clause.id for clause in known if clause.holds_for(hazard.kind, key))


def cited(known: Mapping[str, Clause], danger: Danger) -> list[Clause]:
    """Return the clauses that a danger cites; unknown ids are left out."""
    return [known[one] for one in danger.clauses if one in known]


def clause_of(row: Mapping[str, Any]) -> Clause:
    """Return the clause of a stored row."""
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Clause(**values)


def checked(rows: Sequence[Mapping[str, Any]], *, today: date) -> list[Clause]:
    """Return imported clauses. Raises Invalid with every error of every row; then none is imported.

    A row has the fields of a clause, or those of the public pack format, see `import_format`.
    """
    wrong: dict[str, Fault] = {}
    if not 1 <= len(rows) <= CLAUSES_MAX:
        wrong["clauses"] = (f"1 to {CLAUSES_MAX} rows", f"1 至 {CLAUSES_MAX} 行")
    seen: set[str] = set()
    plain = [as_clause_row(row) for row in rows]
    for number, row in enumerate(plain, 1):
        for name, wanted in faults(row, today).items():
            wrong[f"{number}.{name}"] = wanted
        if row.get("id") in seen:
            wrong[f"{number}.id"] = ("another row has the same id", "与另一行编号重复")
        seen.add(str(row.get("id")))
    if wrong:
        raise Invalid.in_both(wrong)
    return [clause_of(row) for row in plain]


def store(connection: Connection, rows: Sequence[Clause], actor: str, *, now_ns: int) -> None:
    """Write imported clauses and the audit entry in the caller's transaction."""
    changes = []
    for clause in rows:
        body = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(clause).items()}
        row, same = {"id": clause.id, "body": body}, guide_clauses.c.id == clause.id
        before = connection.execute(select(guide_clauses).where(same)).mappings().first()
        if before is None:
            connection.execute(insert(guide_clauses).values(row))
            changes.append(added(guide_clauses, row))
        else:
            connection.execute(update(guide_clauses).where(same).values(body=body))
            changes.append(changed(guide_clauses, dict(before), row))
    facts = {"clauses": [clause.id for clause in rows]}
    journal.append(
        connection,
        at_ns=now_ns,
        actor=actor,
        kind="guide.imported",
        site="",
        subject="guide",
        facts=facts,
        rows=changes,
    )
