"""Secret keys that the database stores: each is made at its first use."""

from __future__ import annotations

import secrets
import threading

from sqlalchemy import Engine, insert, select

from .schema import meta
from .storage_faults import UNWRITTEN


class StoredKey:
    """A key of 32 random bytes under a name of the table `meta`. It may be read by several threads."""

    def __init__(self, engine: Engine, name: str, *, stored: bool = False) -> None:
        """stored: the key must be in the database before its first use, because clients store what it has signed."""
        self._engine, self._name, self._must = engine, name, stored
        self._lock = threading.Lock()
        self._key = b""

    def read(self) -> bytes:
        """Return the key; one query at the first call. With `stored`, raises the error of a write that is rejected."""
        with self._lock:
            self._key = self._key or self._stored()
            return self._key

    def _stored(self) -> bytes:
        """Return the key of the database. A database that rejects writes gets it after the next restart."""
        query, fresh = select(meta.c.value).where(meta.c.key == self._name), secrets.token_hex(32)
        with self._engine.execution_options(writes=False).connect() as connection:
            found = connection.scalar(query)
        if found is None:
            try:
                with self._engine.begin() as connection:
                    found = connection.scalar(query)
                    if found is None:
                        connection.execute(insert(meta).values(key=self._name, value=fresh))
            except UNWRITTEN:
                if self._must:
                    raise
                found = None
        return bytes.fromhex(found or fresh)
