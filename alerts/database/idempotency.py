"""Stored responses of requests with an Idempotency-Key, for repeated requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select

from .schema import replies
from .storage_faults import UNWRITTEN

KEPT_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """One response. request: digest of the request."""

    request: str
    status: int
    body: str
    etag: str


class IdempotencyKeys:
    """Stores responses for a day, by person and key."""

    def __init__(self, engine: Engine, clock: Callable[[], int]) -> None:
        self._engine, self._clock = engine, clock
        self.unwritten_total = 0

    def find(self, username: str, key: str) -> StoredResponse | None:
        """Return the response of this key, None without one."""
        query = select(replies).where(replies.c.username == username, replies.c.key == key)
        with self._engine.execution_options(writes=False).connect() as connection:
            row = connection.execute(query).first()
        return StoredResponse(row.request, row.status, row.body, row.etag) if row else None

    def keep(self, username: str, key: str, request: str, *, body: str, etag: str, status: int = 200) -> None:
        """Store a response and delete those older than a day.

        The request has taken effect. A database that rejects this write must not turn the response into an error.
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
