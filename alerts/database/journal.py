"""Event journal: append-only, hash-chained, written in the transaction of the change it records.

Body of an entry (canonical JSON: keys sorted, no spaces, UTF-8):
`{"at": ns, "actor": name, "kind": ..., "site": ..., "subject": ..., "facts": {...}, "rows": [...]}`; `rows` only where
the entry changes covered rows (see `row_changes`).
Digest of an entry: SHA-256 over the previous digest and the body, as hexadecimal text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, LargeBinary, cast, func, insert, select

from .commits import mark_written
from .row_changes import Projection, RowChange
from .schema import journal

GENESIS = "0" * 64
PAGE = 1_000
_TIP = "twinward.tip"
"""Last entry of a connection's transaction, which no other writer continues."""
_INSERT = insert(journal)
_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Event:
    """One entry. at_ns: time of the event; subject: id of the hazard, ticket, sensor or person."""

    seq: int
    at_ns: int
    actor: str
    kind: str
    site: str
    subject: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AuditReport:
    """Result of `verify`: validity, number of entries, first bad entry with its reason, digest of the head.

    rows_differing: a line for each row of hazards, tickets, people and bindings that the journal does not explain.
    """

    ok: bool
    entries: int
    first_bad: int | None
    reason: str
    head: str
    rows_differing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry to append. rows: changes of covered rows; `verify` reports a change without them."""

    at_ns: int
    actor: str
    kind: str
    site: str
    subject: str
    facts: Mapping[str, Any]
    rows: Sequence[RowChange] = ()


def append(
    connection: Connection,
    *,
    at_ns: int,
    actor: str,
    kind: str,
    site: str,
    subject: str,
    facts: Mapping[str, Any],
    rows: Sequence[RowChange] = (),
) -> int:
    """Append one entry in the connection's transaction; return its sequence number. Arguments: see `Entry`."""
    return append_all(connection, [Entry(at_ns, actor, kind, site, subject, facts, rows)])[0]


def append_all(connection: Connection, entries: Sequence[Entry]) -> list[int]:
    """Append entries in the connection's transaction, in order; return their sequence numbers."""
    transaction = connection.get_transaction()
    of, seq, digest = connection.info.get(_TIP, (None, 0, GENESIS))
    if of is None or of is not transaction:
        seq, digest = tip(connection)
    added = linked(entries, seq, digest)
    connection.execute(_INSERT, added)
    if added:
        seq, digest = added[-1]["seq"], added[-1]["digest"]
    connection.info[_TIP] = transaction, seq, digest
    mark_written(connection)
    return [row["seq"] for row in added]


def linked(entries: Iterable[Entry], seq: int, digest: str) -> list[dict[str, Any]]:
    """Return the rows of entries that follow the entry with this sequence number and digest."""
    added = list[dict[str, Any]]()
    for one in entries:
        about = {"site": one.site, "kind": one.kind, "subject": one.subject}
        value = {"at": one.at_ns, "actor": one.actor, "facts": one.facts} | about
        body = canonical(value | {"rows": one.rows} if one.rows else value)
        seq, digest = seq + 1, chained(digest, body)
        added.append({"seq": seq, "body": body, "digest": digest} | about)
    return added


def canonical(value: Mapping[str, Any]) -> str:
    """Return the canonical JSON text that digests cover."""
    return _CANONICAL.encode(value)


def chained(before: str, body: str) -> str:
    """Return the digest of an entry that follows the entry with digest `before`."""
    return hashlib.sha256(before.encode() + body.encode("utf-8", "surrogateescape")).hexdigest()


def read(
    connection: Connection, *, after: int = 0, limit: int = PAGE, subject: str | None = None, newest: bool = False
) -> list[Event]:
    """Return at most `limit` entries after sequence number `after`, of one subject if given; newest: newest first."""
    query = select(journal.c.seq, journal.c.body).where(journal.c.seq > after).limit(limit)
    query = query.order_by(journal.c.seq.desc() if newest else journal.c.seq)
    if subject is not None:
        query = query.where(journal.c.subject == subject)
    return [entry(row.seq, row.body) for row in connection.execute(query)]


def read_all(connection: Connection, subjects: Sequence[str]) -> dict[str, list[Event]]:
    """Return the entries of each of these subjects, in order, by one statement."""
    found: dict[str, list[Event]] = {subject: [] for subject in subjects}
    query = select(journal.c.seq, journal.c.body).where(journal.c.subject.in_(subjects)).order_by(journal.c.seq)
    for row in connection.execute(query):
        event = entry(row.seq, row.body)
        found[event.subject].append(event)
    return found


def head(connection: Connection) -> int:
    """Return the sequence number of the last entry, 0 without entries."""
    return int(connection.scalar(select(func.max(journal.c.seq))) or 0)


def last_before(connection: Connection, at_ns: int) -> int:
    """Return the sequence number of the last entry before a time, 0 without one; entries are in the order of time."""
    low, high = 0, head(connection)
    while low < high:
        middle = (low + high + 1) // 2
        body = connection.scalar(select(journal.c.body).where(journal.c.seq == middle))
        low, high = (middle, high) if json.loads(str(body))["at"] < at_ns else (low, middle - 1)
    return low


def rows_of(body: str) -> Sequence[Sequence[Any]]:
    """Return the row changes of an entry by its body: table, key, columns."""
    found: Sequence[Sequence[Any]] = json.loads(body).get("rows", ())
    return found


def tip(connection: Connection) -> tuple[int, str]:
    """Return sequence number and digest of the last entry; (0, GENESIS) without entries."""
    row = connection.execute(select(journal.c.seq, journal.c.digest).order_by(journal.c.seq.desc()).limit(1)).first()
    return (row.seq, row.digest) if row else (0, GENESIS)


def verify(engine: Engine, *, heads: Iterable[tuple[int, str]] = ()) -> AuditReport:
    """Verify the whole chain, then compare the covered rows with it.

    heads: (seq, digest) of entries, stored elsewhere; they also detect a truncated or rewritten end.
    """
    with engine.execution_options(writes=False).connect() as connection:  # one state of journal and rows
        report, projection = check(_rows(connection), heads)
        if not report.ok:
            return report
        differing = tuple(projection.differences(connection))
    reason = f"rows that differ from the journal: {len(differing)}" if differing else ""
    return replace(report, ok=not differing, reason=reason, rows_differing=differing)


def check(entries: Iterable[Any], heads: Iterable[tuple[int, str]]) -> tuple[AuditReport, Projection]:
    """Return the report on the chain alone, and the covered rows by its entries.

    entries: objects with the columns of the journal, by seq.
    """
    walk = _Walk(heads)
    for row in entries:
        if reason := walk.fault(row):
            return walk.report(reason), walk.projection
    return walk.report(walk.missing()), walk.projection


class _Walk:
    """One pass over the entries: number and digest so far, heads still to come, rows by the entries."""

    def __init__(self, heads: Iterable[tuple[int, str]]) -> None:
        self.entries, self._digest = 0, GENESIS
        self.projection = Projection()
        self._heads: dict[int, set[str]] = {}
        for seq, digest in heads:
            if seq:
                self._heads.setdefault(seq, set()).add(digest)

    def fault(self, row: Any) -> str:
        """Return the defect of the next entry, "" for none."""
        body = row.body.decode("utf-8", "surrogateescape") if isinstance(row.body, bytes) else row.body
        if row.seq != self.entries + 1:
            return "an entry is missing or out of place"
        if chained(self._digest, body) != row.digest:
            return "the entry does not match its digest: it or the entry before it was changed"
        if self._heads.pop(row.seq, {row.digest}) != {row.digest}:
            return "the entry has another digest than the head stored elsewhere: the journal was cut and continued"
        value = json.loads(body)
        if (value["site"], value["kind"], value["subject"]) != (row.site, row.kind, row.subject):
            return "the columns of the entry differ from its body"
        self.projection.apply(value.get("rows", ()))
        self.entries, self._digest = row.seq, row.digest
        return ""

    def missing(self) -> str:
        """Return the defect of the end, "" for none."""
        if not self._heads:
            return ""
        return "the end of the journal is missing or rewritten: it does not contain the head stored elsewhere"

    def report(self, reason: str) -> AuditReport:
        """Return the report; a defect is in the entry behind the last good one."""
        return AuditReport(not reason, self.entries, self.entries + 1 if reason else None, reason, self._digest)


def _rows(connection: Connection) -> Iterator[Any]:
    body: ColumnElement[Any] = journal.c.body
    if connection.dialect.name == "sqlite":  # a changed byte may break UTF-8 there; as bytes the row can still be read
        body = cast(journal.c.body, LargeBinary)
    columns = (journal.c.seq, body.label("body"), journal.c.site, journal.c.kind, journal.c.subject, journal.c.digest)
    page = select(*columns).order_by(journal.c.seq).limit(PAGE)
    found = connection.execute(page).all()
    while found:
        yield from found
        found = connection.execute(page.where(journal.c.seq > found[-1].seq)).all()


def entry(seq: int, body: str) -> Event:
    """Return the entry of a row."""
    value = json.loads(body)
    return Event(seq, value["at"], value["actor"], value["kind"], value["site"], value["subject"], value["facts"])
