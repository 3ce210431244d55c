"""Hash-chained, append-only entries in a stream of JetStream: `chain.Chain` on NATS servers.

Each transaction is one message: its entries with their digests, and the statements that changed tables. Every node
applies the messages in the order of the stream to a copy of its own, from which it reads. A message of the owner names
the last one before it (`Nats-Expected-Last-Subject-Sequence`), so the stream refuses a former owner. A cut deletes old
entries. A base is a message with all tables; it is stored before the messages that it replaces are deleted.
"""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from twinward.errors import LogUnavailable, OwnerLost
from twinward.log.entries import EVERY, Block, Database, Stored, Tip
from twinward.log.growth import Growth
from twinward.log.head import HeadFile
from twinward.log.server import ServerLog
from twinward.log.verify import Link, Report, link

from .address import address
from .client import Client
from .commit import Base, Chained, Commit
from .follower import Follower
from .presence import check_identity, check_node, copy_path, require
from .replica import Recorder, Replica, State, advance, base_of, cut, end, insert, size
from .retention import newest_to_delete
from .stream import BASE, CHANGE, CUT, OWNER, Conflict, Stream
from .verification import verify_stream

SPARE_BYTES = 64_000_000
"""Bytes of a stream beyond twice its copy, above which a base replaces old messages."""
ATTEMPTS = 5
"""Attempts of an append: each follows a message that another process stored meanwhile."""


class JetStreamChain:
    """Chain in one stream, with a copy beside the head record of this machine. See `EntryChain`.

    An append whose answer was lost is looked up in the stream before it is written again. A reader on another machine
    sees an entry as soon as the stream has delivered it. Raises LogUnavailable for every fault of the servers.
    """

    def __init__(self, place: ServerLog, *, clock: Callable[[], int], tables: str) -> None:
        """Connect, create a new stream, and apply all its messages.

        tables: of the owner. Raises LogUnavailable, LogVersionError, and StreamGone for a stream that was replaced.
        """
        if place.head is None:
            raise LogUnavailable(place.url, "a log on NATS needs a folder for its copy")
        self.place, self._clock = place, clock
        self.head_file = HeadFile(place.head)
        self._lock, self._growth = threading.Lock(), Growth()
        self._doubtful: _Doubtful | None = None
        self._settled = False
        where = address(place.url)
        with ExitStack() as opened:
            self._client = Client(where)
            opened.callback(self._client.close)
            self._stream = Stream(self._client, where, place.name, place.partition)
            require(self._stream, place, self.head_file)
            self._replica = Replica(copy_path(place.head), tables)
            opened.callback(self._replica.close)
            extent = check_identity(self._replica, self._stream, self.head_file)
            self._follower = Follower(self._stream, self._replica, self._lock, self.head_file, self._growth.wake)
            opened.pop_all()
            opened.callback(self.close)
            self._follower.start()
            self._follower.reach(extent.last)
            check_node(self._replica, self._stream, place)
            self._claim()
            opened.pop_all()

    def append(self, blocks: Sequence[Block], *, with_entry: Callable[[Database, int], None]) -> int:
        """Append entries in one transaction, durable on return. Return the position of the last one.

        `with_entry(connection, seq)` runs inside the transaction, with that position, again after a message of another
        process came before it.
        """
        blocks = list(blocks)
        for _ in range(ATTEMPTS):
            if self._doubtful is not None:
                self._reach_end()
            try:
                seq = self._append(blocks, with_entry)
            except Conflict:
                self._reach_end()
                continue
            self._growth.wake()
            return seq
        raise LogUnavailable(self._stream.shown, f"{ATTEMPTS} attempts met messages of another process")

    def entries(self, after: int, limit: int, *, where: str = EVERY) -> list[Stored]:
        """Return at most `limit` entries behind position `after`, in order; where: a constant condition."""
        return self._replica.entries(after, limit, where)

    def last(self, *, where: str = EVERY) -> Tip:
        """Return the end of the chain, or of the entries with that condition; the start for none."""
        return self._replica.last(where)

    def check(self) -> None:
        """Raise LogUnavailable while no server is connected, or the copy does not follow the stream."""
        if not self._client.connected or self._follower.fault:
            raise LogUnavailable(self._stream.shown, self._follower.fault or "no server answers")

    def wait(self, after: int, timeout_s: float, *, where: str = EVERY) -> bool:
        """Block until an entry behind `after` exists, of any process (True), or until the timeout (False)."""
        return self._growth.wait(lambda: self.last(where=where).seq > after, timeout_s)

    @contextmanager
    def changing(self, *, owned: bool = False) -> Iterator[Database]:
        """Yield a connection in a write transaction, for the owner's tables."""
        if owned and self._doubtful is not None:
            self._reach_end()
        try:
            with self._settled_order(), self._lock, self._replica.writing() as (db, found):
                state = self._owned(db, found) if owned else found
                recorder = Recorder(db)
                yield recorder
                if recorder.writes:
                    self._store(db, state, Commit(uuid.uuid4().hex, writes=recorder.writes), owned=owned)
        except Conflict as error:
            self._reach_end()
            raise LogUnavailable(self._stream.shown, "another process wrote meanwhile") from error

    def retain(self, *, before_ns: int, up_to: int, bytes_max: int | None = None) -> int:
        """Delete entries beyond age or size, none behind `up_to` and never the last. Return their number.

        The stream keeps their messages until it is SPARE_BYTES larger than twice the copy. Then a base is stored, and
        the messages that it replaces are deleted.
        """
        deleted = 0
        with self._settled_order(), self._lock, self._replica.writing() as (db, state):
            seq = newest_to_delete(db, before_ns=before_ns, up_to=up_to, bytes_max=bytes_max)
            if seq:
                (digest,) = db.execute("SELECT digest FROM entries WHERE seq = ?", (seq,)).fetchone()
                (deleted,) = db.execute("SELECT count(*) FROM entries WHERE seq <= ?", (seq,)).fetchone()
                self.head_file.keep_anchor(seq)
                at = self._stream.publish(CUT, Base(state.applied, seq, digest).pack(), {})
                _require_next(at, state)
                cut(db, seq, digest)
                advance(db, at)
        self._compact()
        return int(deleted)

    def verify(self, *, known: Sequence[tuple[int, str]] = ()) -> Report:
        """Verify every entry of the stream, and its end against the record of this machine. Reads the whole stream."""
        return verify_stream(self._stream, self.head_file.read(), known)

    @contextmanager
    def reading(self, *, snapshot: bool = False) -> Iterator[Database]:
        """Yield a reading connection; snapshot: all its reads see one state."""
        with self._replica.reading(snapshot=snapshot) as db:
            yield db

    def close(self) -> None:
        """Close the connections and the copy. Calls in other threads must have returned."""
        self._follower.stop()
        self._client.close()
        self._follower.join()
        self._replica.close()

    def _claim(self) -> None:
        """Claim the stream for a new owner before it reads its state: the former one then adds nothing to it."""
        owner, role = self.place.owner, self.place.role
        if owner is None or not owner.shared or not owner.epoch(role, 0):
            return
        for _ in range(ATTEMPTS):
            try:
                with self._lock, self._replica.writing() as (db, state):
                    self._owned(db, state)
            except Conflict:
                self._reach_end()
            else:
                return
        raise LogUnavailable(self._stream.shown, f"{ATTEMPTS} claims met messages of another process")

    def _append(self, blocks: list[Block], with_entry: Callable[[Database, int], None]) -> int:
        with self._settled_order(), self._lock, self._replica.writing() as (db, found):
            state = self._owned(db, found)
            if self._doubtful is not None and self._doubtful.seq and self._doubtful.blocks == blocks:
                seq, self._doubtful = self._doubtful.seq, None
                return seq
            self._settle(db)
            entries = self._chained(db, blocks)
            insert(db, entries, state.applied + 1)
            recorder = Recorder(db)
            seq, digest = (entries[-1].seq, entries[-1].digest) if entries else end(db)
            with_entry(recorder, seq)
            commit = Commit(uuid.uuid4().hex, entries=entries, writes=recorder.writes)
            self._doubtful = _Doubtful(commit.id, blocks)
            self._store(db, state, commit, owned=True)
        self._doubtful = None
        self.head_file.advance(seq, digest)
        return seq

    def _compact(self) -> None:
        """Replace old messages of a large stream by a base."""
        with self._replica.reading() as db:
            if self._stream.required().bytes <= 2 * size(db) + SPARE_BYTES:
                return
        with self._settled_order(), self._lock, self._replica.writing() as (db, state):
            (kept,) = db.execute("SELECT min(at) FROM entries").fetchone()
            at = self._stream.publish(BASE, base_of(db, state).pack(), {})
            needed = (kept, state.owner_from, state.applied + 1)
            _require_next(at, state)
            advance(db, at)
        self._stream.purge(min(one for one in needed if one))

    @contextmanager
    def _settled_order(self) -> Iterator[None]:
        """Wait until the copy has a message that the stream has behind those of another process."""
        try:
            yield
        except _Later as put_off:
            self._follower.reach(put_off.last)

    def _store(self, db: sqlite3.Connection, state: State, commit: Commit, *, owned: bool) -> None:
        """Publish a commit whose changes are in the open transaction.

        Raises _Later if the stream has other messages before it: the transaction is rolled back, and the follower
        applies them in order.
        """
        if owned:
            commit = replace(commit, epoch=state.epoch, node=state.node)
        body, headers = commit.pack()
        at = self._stream.publish(OWNER if owned else CHANGE, body, headers, expected=state.owner_at if owned else None)
        _require_next(at, state)
        advance(db, at, commit, owned=owned)

    def _chained(self, db: Database, blocks: Sequence[Block]) -> list[Chained]:
        seq, digest = end(db)
        found = []
        for block in blocks:
            entry = Link(seq + 1, self._clock(), block.number, block.batch)
            seq, digest = entry.seq, link(digest, entry, block.data)
            found.append(Chained(seq, entry.written_ns, block, digest))
        return found

    def _owned(self, db: sqlite3.Connection, state: State) -> State:
        """Return the state in which this process is the owner; claims the stream for a new epoch.

        Raises OwnerLost, and Conflict if the copy lacks messages of an owner.
        """
        owner, role = self.place.owner, self.place.role
        if owner is None or owner.lost:
            raise OwnerLost(role or self.place.name)
        if self._doubtful is not None and self._doubtful.id == state.owner_id:
            self._doubtful.seq = end(db)[0]
        epoch = owner.epoch(role, state.epoch)
        if epoch < state.epoch or (epoch == state.epoch and state.node != owner.node):
            owner.lost = role
            raise OwnerLost(role)
        if epoch == state.epoch:
            return state
        claim = Commit(uuid.uuid4().hex, epoch, owner.node)
        body, headers = claim.pack()
        at = self._stream.publish(OWNER, body, headers, expected=state.owner_at)
        if at[0] != state.applied + 1:
            raise Conflict
        advance(db, at, claim, owned=True)
        return replace(state, applied=at[1], owner_from=at[0], owner_at=at[1], epoch=epoch, node=owner.node)

    def _settle(self, db: Database) -> None:
        if not self._settled:
            seq, digest = end(db)
            self.head_file.settle(seq, digest, anchor=0)
        self._settled = True

    def _reach_end(self) -> None:
        self._follower.reach(self._stream.required().last)


@dataclass(slots=True)
class _Doubtful:
    """Append without an answer. seq: its last position, once the stream shows that it was stored."""

    id: str
    blocks: list[Block]
    seq: int = 0


class _Later(Exception):  # noqa: N818 - rolls a transaction back that the follower applies in its order
    def __init__(self, last: int) -> None:
        super().__init__(last)
        self.last = last


def _require_next(at: tuple[int, int], state: State) -> None:
    if at[0] != state.applied + 1:
        raise _Later(at[1])
