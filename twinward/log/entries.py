"""Entries of a log, and the contract of the chain that stores them.

Two chains implement it: `chain.Chain` in one SQLite file, and `postgresql.PostgresqlChain` on a server. The statements
of the tables beside the entries are valid on both, with `?` or `?1` as parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from .verify import GENESIS, Report

EntryT = TypeVar("EntryT")

EVERY = "true"
"""Condition of all entries. A condition over `source` or `lane` needs a partial index with the same text."""


class Block(NamedTuple):
    """Content of a new entry; source: a number of the owner; lane: 0 or 1, in a log with lanes.

    The digest covers `source`, with a negative sign in lane 1.
    """

    data: bytes
    batch: str
    source: int
    lane: int = 0

    @property
    def number(self) -> int:
        """Number that the digest covers."""
        return -self.source if self.lane else self.source


@dataclass(frozen=True, slots=True)
class Stored:
    """One entry of the table."""

    seq: int
    written_ns: int
    source: int
    batch: str
    digest: bytes
    block: bytes
    lane: int = 0


@dataclass(frozen=True, slots=True)
class Tip:
    """End of a chain."""

    seq: int = 0
    digest: bytes = GENESIS
    source: int = 0
    written_ns: int = 0


class Rows(Protocol):
    """Result of a statement."""

    @property
    def rowcount(self) -> int:
        """Return the number of changed rows."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchmany(self, size: int = ..., /) -> list[Any]:
        """Return at most `size` rows."""

    def fetchall(self) -> list[Any]:
        """Return all further rows."""

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the rows."""


class Database(Protocol):
    """Connection of a chain, for the tables of its owner."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Rows:
        """Run one statement."""

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> object:
        """Run one statement for each set of parameters."""


class EntryChain(Protocol):
    """Hash-chained, append-only entries with tables beside them.

    Invariants: positions begin at 1 and have no gap. An entry is durable when `append` returns, or absent when it
    raises. Readers see the entries of a transaction together with the tables that it changed. A chain is safe for
    several threads and processes; one process appends. Failures raise OSError or sqlite3.Error, and a retry is safe.
    """

    def append(self, blocks: Sequence[Block], *, with_entry: Callable[[Database, int], None]) -> int:
        """Append entries in one transaction, durable on return. Return the position of the last one.

        `with_entry(connection, seq)` runs inside the transaction, with that position. Raises OwnerLost.
        """

    def entries(self, after: int, limit: int, *, where: str = EVERY) -> list[Stored]:
        """Return at most `limit` entries behind position `after`, in order; where: a constant condition."""

    def last(self, *, where: str = EVERY) -> Tip:
        """Return the end of the chain, or of the entries with that condition; the start for none."""

    def check(self) -> None:
        """Raise OSError or sqlite3.Error unless the log can be read, and new entries arrive."""

    def wait(self, after: int, timeout_s: float, *, where: str = EVERY) -> bool:
        """Block until an entry behind `after` exists, of any process (True), or until the timeout (False)."""

    def changing(self, *, owned: bool = False) -> AbstractContextManager[Database]:
        """Return a connection in a write transaction, for the owner's tables.

        owned: only the owner of the log may make this change; raises OwnerLost for another process.
        """

    def reading(self, *, snapshot: bool = False) -> AbstractContextManager[Database]:
        """Return a reading connection; snapshot: all its reads see one state."""

    def retain(self, *, before_ns: int, up_to: int, bytes_max: int | None = None) -> int:
        """Delete entries beyond age or size, none behind `up_to` and never the last. Return their number.

        before_ns: delete entries written earlier; bytes_max: delete the oldest until the rest uses about so much.
        """

    def verify(self, *, known: Sequence[tuple[int, str]] = ()) -> Report:
        """Verify every entry and the end. known: positions and digests kept elsewhere. Reads the whole log."""

    def close(self) -> None:
        """Close the log. Calls in other threads must have returned."""


class Lane(Generic[EntryT]):
    """View of a chain: the entries with one condition, under their positions."""

    def __init__(self, chain: EntryChain, where: str, read: Callable[[Stored], EntryT]) -> None:
        """where: their condition; read: decodes an entry."""
        self._chain, self._where, self._read = chain, where, read

    def read(self, after: int, *, limit: int = 64) -> list[EntryT]:
        """Return the entries behind position `after`, in order, at most `limit`."""
        return [self._read(stored) for stored in self._chain.entries(after, limit, where=self._where)]

    def head(self) -> int:
        """Return the position of the last one; 0 for none."""
        return self._chain.last(where=self._where).seq

    def end(self) -> int:
        """Return the last position of the whole chain."""
        return self._chain.last().seq

    def wait(self, after: int, timeout_s: float) -> bool:
        """Block until one behind `after` exists (True), or until the timeout (False)."""
        return self._chain.wait(after, timeout_s, where=self._where)
