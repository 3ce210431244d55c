"""Fence of an alert database that several nodes use in turn: only the latest owner writes.

The row `owner` of the table `meta` names the owner. Each write transaction reads it under the writers' lock, so none of
a former owner commits after a takeover, also when its process was paused.
"""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, Engine, event, insert, select, update

from alerts.errors import NotOwner

from .schema import meta

KEY = "owner"


class OwnerFence:
    """Right of one process to write. `lost`: another process has taken it; every write transaction then raises."""

    def __init__(self, engine: Engine) -> None:
        """Take the right: waits for an open write transaction. The engine's later transactions are checked."""
        self.lost = False
        self._mark = secrets.token_hex(16)
        with engine.begin() as connection:
            taken = update(meta).where(meta.c.key == KEY).values(value=self._mark)
            if not connection.execute(taken).rowcount:
                connection.execute(insert(meta).values(key=KEY, value=self._mark))
        event.listen(engine, "begin", self._check)

    def _check(self, connection: Connection) -> None:
        if not connection.get_execution_options().get("writes", True):
            return
        if connection.scalar(select(meta.c.value).where(meta.c.key == KEY)) != self._mark:
            self.lost = True
            raise NotOwner
