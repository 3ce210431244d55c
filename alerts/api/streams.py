"""Open live streams: bounded by account and in total, and ended with their session."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Collection, Iterator

import structlog
from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError

from alerts import People

from .tail import pause

CHECK_S = 0.5
"""Pause between two checks of the sessions; a stream ends within 1 s of its session."""


class Streams:
    """Counts the open streams and checks their sessions, with one query for all. All methods run in the event loop."""

    def __init__(self, people: People, *, total_max: int, account_max: int) -> None:
        self._people, self.total_max, self.account_max = people, total_max, account_max
        self._accounts: Counter[str] = Counter()
        self._tokens: Counter[str] = Counter()
        self._ended: Collection[str] = frozenset()
        self._stopped = asyncio.Event()

    def full(self) -> bool:
        """Return whether the total is reached."""
        return self._accounts.total() >= self.total_max

    def account_full(self, username: str) -> bool:
        """Return whether the account has reached its number."""
        return self._accounts[username] >= self.account_max

    @contextlib.contextmanager
    def opened(self, username: str, token: str) -> Iterator[None]:
        """Count a stream for the time of the block."""
        self._accounts[username] += 1
        self._tokens[token] += 1
        try:
            yield
        finally:
            self._accounts[username] -= 1
            self._tokens[token] -= 1
            self._accounts, self._tokens = +self._accounts, +self._tokens  # without keys at 0

    def ended(self, token: str) -> bool:
        """Return whether the session of an open stream has ended, or the service ends."""
        return self._stopped.is_set() or token in self._ended

    async def run(self) -> None:
        """Check the sessions until `stop`. While the database is unavailable, the streams stay."""
        while not self._stopped.is_set():
            await pause(self._stopped, CHECK_S)
            tokens = frozenset(self._tokens)
            if not tokens:
                continue
            try:
                self._ended = tokens - await to_thread.run_sync(self._people.alive, tokens)
            except SQLAlchemyError as error:
                structlog.get_logger(part="http").warning("live stream cannot read sessions", error=str(error))

    def stop(self) -> None:
        """End every stream within CHECK_S, and `run` after its present check."""
        self._stopped.set()
