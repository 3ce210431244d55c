"""Thread that applies the messages of a stream to the copy of this node, in their order."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing

import msgspec
import zstandard

from twinward.errors import LogUnavailable
from twinward.log.head import HeadFile

from .client import ANSWER_S
from .commit import Base, Chained, read_base, read_commit
from .replica import BrokenChain, Gap, Replica, State, advance, apply, cut, load
from .stream import BASE, CUT, OWNER, Message, Stream

log = logging.getLogger(__name__)

RETRY_FIRST_S, RETRY_S_MAX = 0.1, 2.0
DAMAGED = (ValueError, KeyError, TypeError, msgspec.MsgspecError, zstandard.ZstdError)


class Follower:
    """Applies each message once, in the order of the stream, under the lock of the writer."""

    def __init__(
        self, stream: Stream, replica: Replica, lock: threading.Lock, head: HeadFile, wake: Callable[[], None]
    ) -> None:
        """wake: called after each message, also one that another process applied."""
        self._stream, self._replica, self._lock, self._head, self._wake = stream, replica, lock, head, wake
        self._stopping, self._moved = threading.Event(), threading.Condition()
        self._moves = 0
        self.fault = ""
        self._thread = threading.Thread(target=self._run, name=f"follow-{stream.name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread at its next answer; the closing of the connection wakes it."""
        self._stopping.set()

    def join(self) -> None:
        """Wait for the end of the thread."""
        if self._thread.ident is not None:
            self._thread.join(ANSWER_S * 2)

    def reach(self, message: int) -> None:
        """Block until the copy contains a message. Raises LogUnavailable without progress for ANSWER_S."""
        while True:
            moves = self._moves
            if self._replica.state().applied >= message:
                return
            with self._moved:
                if not self._moved.wait_for(lambda: self._moves != moves, ANSWER_S):  # noqa: B023 - waits here
                    reason = self.fault or f"message {message} was not delivered"
                    raise LogUnavailable(self._stream.shown, reason)

    def _run(self) -> None:
        wait_s = RETRY_FIRST_S
        while not self._stopping.is_set():
            try:
                with closing(self._stream.follow(self._replica.state().applied)) as arriving:
                    for found in arriving:
                        if self._stopping.is_set():
                            return
                        for message in found:
                            self._take(message)
                        self.fault, wait_s = "", RETRY_FIRST_S
            except Gap:
                self._attempt(self._load_base)
            except (LogUnavailable, BrokenChain, sqlite3.Error, *DAMAGED) as error:
                self._failed(error)
            self._stopping.wait(wait_s)
            wait_s = min(wait_s * 2, RETRY_S_MAX)

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except (LogUnavailable, BrokenChain, Gap, sqlite3.Error, *DAMAGED) as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        """Keep a fault, and log it once."""
        if str(error) != self.fault and not self._stopping.is_set():
            log.warning("copy of %s: %s", self._stream.shown, error)
        self.fault = str(error)

    def _take(self, message: Message) -> None:
        """Apply a message unless the copy contains it, then wake the readers."""
        with self._lock:
            with self._replica.writing() as (db, state):
                entries = self._applied(db, state, message) if message.last > state.applied else ()
            if entries:
                self._head.advance(entries[-1].seq, entries[-1].digest)
        self._note()

    def _applied(self, db: sqlite3.Connection, state: State, message: Message) -> Sequence[Chained]:
        """Apply a message in the open transaction and return its entries. Raises Gap, BrokenChain, and DAMAGED."""
        if message.first != state.applied + 1:
            raise Gap(f"message {state.applied + 1} is missing")
        at = message.first, message.last
        if message.kind in {BASE, CUT}:
            base = read_base(message.body)
            self._head.keep_anchor(base.anchor)
            cut(db, base.anchor, base.digest)
            advance(db, at)
            return ()
        commit = read_commit(message.body, message.headers)
        apply(db, state, commit, at, owned=message.kind == OWNER)
        return commit.entries

    def _load_base(self) -> None:
        """Continue from the newest base after messages that retention deleted."""
        found = self._stream.last(BASE)
        extent = self._stream.extent()
        with self._lock, self._replica.writing() as (db, state):
            if found is None or extent is None:
                raise Gap(f"message {state.applied + 1} is missing, and retention did not delete it")
            base: Base = read_base(found.body)
            if base.at <= state.applied or extent.first > base.at + 1:
                raise Gap(f"message {state.applied + 1} is missing, and no base replaces it")
            load(db, base, applied=extent.first - 1)
        self._head.keep_anchor(base.anchor)
        self._note()

    def _note(self) -> None:
        with self._moved:
            self._moves += 1
            self._moved.notify_all()
        self._wake()
