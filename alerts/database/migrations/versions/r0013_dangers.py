"""Add hidden dangers with evidence, photos, public reports and clauses; each ticket gets a danger."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    column,
    insert,
    select,
    table,
    text,
    update,
)
from sqlalchemy.types import TypeEngine

revision = "0013"
down_revision = "0015"

ROWS_OF_ENTRY = 200
NEW_OF_TICKET = ("danger", "fulfilment", "reported", "take_due_ns", "take_late", "paused_ns", "paused_until_ns")
NEW_TABLES = ("dangers", "danger_hazards", "public_reports", "photos", "guide_clauses")


def _text(length: int) -> TypeEngine[str]:
    return Text().with_variant(String(length), "sqlite")


def upgrade() -> None:
    """Create the tables, and a danger with one hazard for each ticket."""
    _create()
    with op.batch_alter_table("tickets") as batch:
        batch.alter_column("hazard", existing_type=_text(32), nullable=True)
        batch.add_column(Column("danger", _text(32)))
        batch.add_column(Column("fulfilment", JSON))
        batch.add_column(Column("reported", JSON))
        batch.add_column(Column("take_due_ns", BigInteger))
        batch.add_column(Column("take_late", Boolean))
        batch.add_column(Column("paused_ns", BigInteger))
        batch.add_column(Column("paused_until_ns", BigInteger))
    _fill(op.get_bind())
    with op.batch_alter_table("tickets") as batch:
        for name, kind in (
            ("danger", _text(32)),
            ("fulfilment", JSON()),
            ("reported", JSON()),
            ("take_late", Boolean()),
        ):
            batch.alter_column(name, existing_type=kind, nullable=False)
        batch.create_index("ticket_of_danger", ["danger"], unique=True)
        batch.create_index("ticket_of_place", ["site", "place"])


def downgrade() -> None:
    """Remove the tables. Tickets without a hazard have no place in the former schema and go."""
    op.execute(text("DELETE FROM tickets WHERE hazard IS NULL"))
    with op.batch_alter_table("tickets") as batch:
        batch.drop_index("ticket_of_danger")
        batch.drop_index("ticket_of_place")
        for name in NEW_OF_TICKET:
            batch.drop_column(name)
        batch.alter_column("hazard", existing_type=_text(32), nullable=False)
    for name in reversed(NEW_TABLES):
        op.drop_table(name)


def _create() -> None:
    op.create_table(
        "dangers",
        Column("id", _text(32), primary_key=True),
        Column("site", _text(64), nullable=False),
        Column("zone", _text(64), nullable=False),
        Column("place", _text(300), nullable=False),
        Column("risk_point", _text(64), nullable=False),
        Column("cause", _text(32), nullable=False),
        Column("source", _text(16), nullable=False),
        Column("text", JSON, nullable=False),
        Column("found_by", _text(64), nullable=False),
        Column("found_ns", BigInteger, nullable=False),
        Column("reports", Integer, nullable=False),
        Column("clauses", JSON, nullable=False),
        Column("merged_into", _text(32)),
        Column("version", Integer, nullable=False),
        Index("danger_of_place", "site", "place", "cause"),
    )
    op.create_table(
        "danger_hazards",
        Column("hazard", _text(32), primary_key=True),
        Column("danger", _text(32), nullable=False, index=True),
        Column("site", _text(64), nullable=False),
    )
    op.create_table(
        "public_reports",
        Column("receipt", _text(64), primary_key=True),
        Column("site", _text(64), nullable=False),
        Column("danger", _text(32), nullable=False, index=True),
        Column("created_ns", BigInteger, nullable=False),
    )
    op.create_table(
        "photos",
        Column("id", _text(32), primary_key=True),
        Column("site", _text(64), nullable=False),
        Column("danger", _text(32), nullable=False, index=True),
        Column("stage", _text(16), nullable=False),
        Column("place", _text(300), nullable=False),
        Column("taken_ns", BigInteger, nullable=False),
        Column("added_by", _text(64), nullable=False),
        Column("added_ns", BigInteger, nullable=False),
        Column("sent_sha256", _text(64), nullable=False),
        Column("sha256", _text(64), nullable=False),
        Column("content", LargeBinary, nullable=False),
    )
    op.create_table("guide_clauses", Column("id", _text(64), primary_key=True), Column("body", JSON, nullable=False))


def _fill(connection: Connection) -> None:
    """Write a danger and its evidence for each ticket; append them to the journal."""
    json_of = {
        "text": JSON,
        "clauses": JSON,
        "fulfilment": JSON,
        "reported": JSON,
        "fulfilled": Boolean,
        "take_late": Boolean,
    }

    def of(name: str, columns: str) -> Any:
        return table(name, *(column(one, json_of.get(one)) for one in columns.split()))

    tickets = of("tickets", "id hazard site zone place opened_ns fulfilled danger fulfilment reported take_late")
    hazards = of("hazards", "id cause text")
    dangers = of(
        "dangers",
        "id site zone place risk_point cause source text found_by found_ns reports clauses merged_into version",
    )
    evidence = of("danger_hazards", "hazard danger site")
    query = select(tickets, hazards.c.cause, hazards.c.text).join(
        hazards, hazards.c.id == tickets.c.hazard, isouter=True
    )
    changes: list[Any] = []
    for row in connection.execute(query.order_by(tickets.c.id)).all():
        danger = {
            "id": hashlib.sha256(f"danger\x1f{row.hazard}".encode()).hexdigest()[:24],
            "site": row.site,
            "zone": row.zone,
            "place": row.place,
            "risk_point": "",
            "cause": row.cause or "other",
            "source": "sensor",
            "text": row.text or {},
            "found_by": "",
            "found_ns": row.opened_ns,
            "reports": 1,
            "clauses": [],
            "merged_into": None,
            "version": 1,
        }
        link = {"hazard": row.hazard, "danger": danger["id"], "site": row.site}
        connection.execute(insert(dangers).values(danger))
        connection.execute(insert(evidence).values(link))
        fulfilment = _fulfilment(connection, row.id) if row.fulfilled else {}
        new = {"danger": danger["id"], "fulfilment": fulfilment, "reported": {}, "take_late": False}
        connection.execute(update(tickets).where(tickets.c.id == row.id).values(new))
        changes += [["dangers", danger["id"], danger], ["danger_hazards", row.hazard, link]]
    for part in _parts(changes):
        _append(connection, part)


def _fulfilment(connection: Connection, ticket: str) -> dict[str, Any]:
    """Return the items of five-fulfil as the journal has them."""
    query = text(
        "SELECT body FROM journal WHERE subject = :ticket AND kind = 'ticket.fulfil' ORDER BY seq DESC LIMIT 1"
    )
    body = connection.scalar(query, {"ticket": ticket})
    entry: Mapping[str, Any] = json.loads(body) if body else {}
    fields = entry.get("facts", {}).get("fields", {})
    return {name: {"text": value, "by": entry["actor"], "at": entry["at"]} for name, value in fields.items()}


def _parts(changes: list[Any]) -> Iterator[list[Any]]:
    for begin in range(0, len(changes), ROWS_OF_ENTRY):
        yield changes[begin : begin + ROWS_OF_ENTRY]


def _append(connection: Connection, rows: list[Any]) -> None:
    journal = table("journal", *(column(one) for one in ["seq", "body", "site", "kind", "subject", "digest"]))
    last = connection.execute(select(journal.c.seq, journal.c.digest).order_by(text("seq DESC")).limit(1)).first()
    seq, before = (last.seq, last.digest) if last else (0, "0" * 64)
    value = {"at": time.time_ns(), "actor": "system", "kind": "audit.baseline", "site": "", "subject": "dangers"}
    body = json.dumps(
        value | {"facts": {"rows": len(rows)}, "rows": rows}, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    digest = hashlib.sha256(before.encode() + body.encode("utf-8", "surrogateescape")).hexdigest()
    fields = {
        "seq": seq + 1,
        "body": body,
        "site": "",
        "kind": "audit.baseline",
        "subject": "dangers",
        "digest": digest,
    }
    connection.execute(insert(journal).values(fields))
