"""Edits of a stream behind the log's back, given as SQL on its entries."""

from __future__ import annotations

import sqlite3

from twinward.log.entries import Block
from twinward.log.jetstream.address import address
from twinward.log.jetstream.client import Client
from twinward.log.jetstream.commit import Base, Chained, Commit, read_commit
from twinward.log.jetstream.stream import BASE, IDENTITY, OWNER, Stream

TABLES = """
CREATE TABLE entries (seq, written_ns, source, batch, digest, block, lane);
CREATE TABLE anchor (id, seq, digest);
"""


class StreamEdit:
    """Loads the entries of a stream, and stores the stream anew after each statement."""

    def __init__(self, url: str, log: str) -> None:
        self._where, self._log = address(url), log
        self._db: sqlite3.Connection | None = None

    def run(self, statement: str) -> None:
        """Change the entries by SQL."""
        client = Client(self._where)
        try:
            stream = Stream(client, self._where, self._log, 0)
            if self._db is None:
                self._db = _loaded(stream)
            self._db.execute(statement)
            _store(stream, self._db)
        finally:
            client.close()

    def close(self) -> None:
        """Close the working copy."""
        if self._db is not None:
            self._db.close()


def _loaded(stream: Stream) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript(TABLES)
    extent = stream.extent()
    assert extent is not None
    for message in stream.read(0, extent.last):
        commit = read_commit(message.body, message.headers)
        for one in commit.entries:
            block = one.block
            row = (one.seq, one.written_ns, block.source, block.batch, one.digest, block.data, block.lane)
            db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    return db


def _store(stream: Stream, db: sqlite3.Connection) -> None:
    found = stream._api(f"STREAM.INFO.{stream.name}", {})
    assert found is not None
    config = found["config"]
    stream._api(f"STREAM.DELETE.{stream.name}", {})
    assert config["metadata"][IDENTITY]
    stream._api(f"STREAM.CREATE.{stream.name}", config)
    for seq, written_ns, source, batch, digest, block, lane in db.execute("SELECT * FROM entries ORDER BY seq"):
        entry = Chained(seq, written_ns, Block(block, batch, source, lane), digest)
        stream.publish(OWNER, *Commit("edit", 1, "node-a", [entry]).pack())
    for seq, digest in db.execute("SELECT seq, digest FROM anchor").fetchall():
        stream.publish(BASE, Base(0, seq, digest).pack(), {})
