"""Answers that were given to requests with an Idempotency-Key, for those that ask again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select

from .schema import replies
from .storage_faults import UNWRITTEN

KEPT_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """One answer. request: digest of what was asked."""

    request: str
    status: int
    body: str
    etag: str


class IdempotencyKeys:
    """Kept for a day, by person and key."""

    def __init__(self, engine: Engine, clock: Callable[[], int]) -> None:
        self._engine, self._clock = engine, clock
        self.unwritten_total = 0

    def find(self, username: str, key: str) -> StoredResponse | None:
        """The answer given to that key, if any."""
        query = select(replies).where(replies.c.username == username, replies.c.key == key)
        with self._engine.execution_options(writes=False).connect() as connection:
            row = connection.execute(query).first()
        return StoredResponse(row.request, row.status, row.body, row.etag) if row else None

    def keep(self, username: str, key: str, request: str, *, body: str, etag: str, status: int = 200) -> None:
        """Remember an answer; what is older than a day goes.

        What was asked for has happened: a database that now takes no writes must not make it look as if it had not.
        """
        now_ns = self._clock()
        row = {"username": username, "key": key, "request": request, "created_ns": now_ns}
        same = (replies.c.username == username) & (replies.c.key == key)
        try:
            with self._engine.begin() as connection:
                connection.execute(delete(replies).where((replies.c.created_ns < now_ns - KEPT_NS) | same))
                connection.execute(insert(replies).values(**row, status=status, body=body, etag=etag))
        except UNWRITTEN:
            self.unwritten_total += 1
