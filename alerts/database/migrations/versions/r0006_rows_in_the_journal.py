"""Append the present rows of covered tables to the journal: `verify` checks rows from here on."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from alembic import op
from sqlalchemy import JSON, Boolean, Connection, TableClause, column, insert, select, table, text

revision = "0006"
down_revision = "0005"

ROWS_OF_ENTRY = 200
_KINDS: Mapping[str, Any] = {"text": JSON, "clears": JSON, "fixers": JSON, "name": JSON, "roles": JSON, "sites": JSON}
_BOOLEANS = frozenset(["active", "late", "drill", "major", "overdue", "supervised", "fulfilled", "overridden"])
_COLUMNS = {
    "hazards": "id site zone place cause kind grade likelihood severity method active late drill count opened_ns"
    " updated_ns cleared_ns gateway_ns arrival_ns decided_ns recorded_ns acknowledged_by acknowledged_ns text clears"
    " version",
    "tickets": "id number hazard site zone place kind grade major state opened_ns due_ns overdue supervised fulfilled"
    " relapses fixer fixers acceptor accepted_ns closed_ns close_reason overridden version",
    "accounts": "username name password roles sites ended_ns",
    "displays": "id site name created_by created_ns digest",
    "assignments": "site sensor place",
    "ignored": "site sensor reason",
}
_KEYS = {"accounts": ("username",), "assignments": ("site", "sensor"), "ignored": ("site", "sensor")}


def upgrade() -> None:
    """Append one entry for each ROWS_OF_ENTRY rows; a new database gets none."""
    connection = op.get_bind()
    at_ns = time.time_ns()
    for name in _COLUMNS:
        for rows in _pages(connection, name):
            _append(connection, at_ns, name, rows)


def _table(name: str) -> TableClause:
    kinds: dict[str, Any] = {**dict.fromkeys(_BOOLEANS, Boolean), **_KINDS}
    if name == "displays":
        del kinds["name"]  # a text there
    return table(name, *(column(one, kinds.get(one)) for one in _COLUMNS[name].split()))


def _pages(connection: Connection, name: str) -> Iterator[list[Any]]:
    """Yield the changes that add all rows of a table, by key."""
    key = _KEYS.get(name, ("id",))
    rows: list[Any] = []
    for row in connection.execute(select(_table(name)).order_by(*(text(one) for one in key))).mappings().all():
        values = dict(row)
        if "password" in values:
            values["password"] = hashlib.sha256(str(values["password"]).encode()).hexdigest()
        identity = str(row[key[0]]) if len(key) == 1 else json.dumps([row[one] for one in key], ensure_ascii=False)
        rows.append([name, identity, values])
        if len(rows) == ROWS_OF_ENTRY:
            yield rows
            rows = []
    if rows:
        yield rows


def _append(connection: Connection, at_ns: int, name: str, rows: list[Any]) -> None:
    journal = table("journal", *(column(one) for one in ["seq", "body", "site", "kind", "subject", "digest"]))
    last = connection.execute(select(journal.c.seq, journal.c.digest).order_by(text("seq DESC")).limit(1)).first()
    seq, before = (last.seq, last.digest) if last else (0, "0" * 64)
    value = {"at": at_ns, "actor": "system", "kind": "audit.baseline", "site": "", "subject": name}
    body = json.dumps(
        value | {"facts": {"rows": len(rows)}, "rows": rows}, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    digest = hashlib.sha256(before.encode() + body.encode("utf-8", "surrogateescape")).hexdigest()
    fields = {"seq": seq + 1, "body": body, "site": "", "kind": "audit.baseline", "subject": name, "digest": digest}
    connection.execute(insert(journal).values(fields))
