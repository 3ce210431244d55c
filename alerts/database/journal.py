"""Event journal: append-only, hash-chained, written in the transaction of the change it records.

Body of an entry (canonical JSON: keys sorted, no spaces, UTF-8):
`{"at": ns, "actor": name, "kind": ..., "site": ..., "subject": ..., "facts": {...}}`.
Digest of an entry: SHA-256 over the previous digest and the body, as hexadecimal text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, LargeBinary, cast, func, insert, select

from .schema import journal

GENESIS = "0" * 64
PAGE = 1_000


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
    """Result of `verify`: validity, number of entries, first bad entry with its reason, digest of the head."""

    ok: bool
    entries: int
    first_bad: int | None
    reason: str
    head: str


def append(
    connection: Connection, *, at_ns: int, actor: str, kind: str, site: str, subject: str, facts: Mapping[str, Any]
) -> int:
    """Append one entry in the connection's transaction; return its sequence number."""
    last, before = tip(connection)
    seq = last + 1
    body = canonical({"at": at_ns, "actor": actor, "kind": kind, "site": site, "subject": subject, "facts": facts})
    row = {"seq": seq, "body": body, "site": site, "kind": kind, "subject": subject, "digest": chained(before, body)}
    connection.execute(insert(journal).values(row))
    return seq


def canonical(value: Mapping[str, Any]) -> str:
    """Return the canonical JSON text that digests cover."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


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


def head(connection: Connection) -> int:
    """Return the sequence number of the last entry, 0 without entries."""
    return int(connection.scalar(select(func.max(journal.c.seq))) or 0)


def tip(connection: Connection) -> tuple[int, str]:
    """Return sequence number and digest of the last entry; (0, GENESIS) without entries."""
    row = connection.execute(select(journal.c.seq, journal.c.digest).order_by(journal.c.seq.desc()).limit(1)).first()
    return (row.seq, row.digest) if row else (0, GENESIS)


def verify(engine: Engine, *, known_head: tuple[int, str] | None = None) -> AuditReport:
    """Verify the whole chain. known_head: (seq, digest) stored elsewhere, which also detects a truncated end."""
    before, expected = GENESIS, 1
    seen = known_head is None or known_head[0] == 0
    for seq, raw, site, kind, subject, digest in _rows(engine):
        body = raw.decode("utf-8", "surrogateescape") if isinstance(raw, bytes) else raw
        reason = _fault(body, (site, kind, subject), seq_ok=seq == expected, digest_ok=chained(before, body) == digest)
        if reason:
            return AuditReport(ok=False, entries=expected - 1, first_bad=expected, reason=reason, head=before)
        seen = seen or known_head == (seq, digest)
        before, expected = digest, seq + 1
    if not seen:
        lost = "the end of the journal is missing or rewritten: it does not contain the head stored elsewhere"
        return AuditReport(ok=False, entries=expected - 1, first_bad=expected, reason=lost, head=before)
    return AuditReport(ok=True, entries=expected - 1, first_bad=None, reason="", head=before)


def _rows(engine: Engine) -> Iterator[tuple[int, str | bytes, str, str, str, str]]:
    body: ColumnElement[Any] = journal.c.body
    if engine.dialect.name == "sqlite":  # a changed byte may break UTF-8 there; as bytes the row can still be read
        body = cast(journal.c.body, LargeBinary)
    columns = (journal.c.seq, body.label("body"), journal.c.site, journal.c.kind, journal.c.subject, journal.c.digest)
    page = select(*columns).order_by(journal.c.seq).limit(PAGE)
    with engine.execution_options(writes=False).connect() as connection:
        found = connection.execute(page).all()
        while found:
            for row in found:
                yield row.seq, row.body, row.site, row.kind, row.subject, row.digest
            found = connection.execute(page.where(journal.c.seq > found[-1].seq)).all()


def _fault(body: str, copied: tuple[str, str, str], *, seq_ok: bool, digest_ok: bool) -> str:
    if not seq_ok:
        return "an entry is missing or out of place"
    if not digest_ok:
        return "the entry does not match its digest: it or the entry before it was changed"
    facts = json.loads(body)
    if (facts["site"], facts["kind"], facts["subject"]) != copied:
        return "the columns of the entry differ from its body"
    return ""


def entry(seq: int, body: str) -> Event:
    """Return the entry of a row."""
    value = json.loads(body)
    return Event(seq, value["at"], value["actor"], value["kind"], value["site"], value["subject"], value["facts"])
