"""Checks of a stream before its first use; a deleted, replaced or shortened one is refused."""

from __future__ import annotations

from pathlib import Path

from twinward.errors import LogUnavailable, LogVersionError
from twinward.log.head import Head, HeadFile
from twinward.log.server import ServerLog

from .replica import Replica
from .stream import DELETED, Extent, Stream, StreamGone

VERSION = 1
"""Version of the messages of a stream."""


def copy_path(head: Path) -> Path:
    """Return the file of the copy beside a head record."""
    return head.with_name(head.name + ".copy.sqlite")


def require(stream: Stream, place: ServerLog, head_file: HeadFile) -> None:
    """Require the stream; an owner creates the stream of a new log.

    Raises LogUnavailable for a reader without a stream, StreamGone if this node has entries of it, LogVersionError.
    """
    used = (head_file.read() or Head()).seq > 0 or (place.head is not None and copy_path(place.head).exists())
    extent = stream.extent()  # after the files, which another process of this node may make once the stream is there
    if extent is None:
        if place.owner is None:
            raise LogUnavailable(stream.shown, "there is no such stream; check log.url")
        if used:
            raise StreamGone(stream.shown, DELETED)
        extent = stream.create(VERSION)
    if extent.version != VERSION:
        raise LogVersionError(stream.shown, extent.version, VERSION)


def check_identity(replica: Replica, stream: Stream, head_file: HeadFile) -> Extent:
    """Compare the stream with the copy and the head record; note its identity in a new copy. Raises StreamGone."""
    kept, state = head_file.read() or Head(), replica.state()
    extent = stream.required()  # after both, which another process of this node advances
    if state.identity not in {"", extent.identity} or (not extent.last and kept.seq):
        raise StreamGone(stream.shown, "the stream was replaced by another one; restore the one of this node")
    if state.applied > extent.last:
        reason = f"the stream ends at message {extent.last}; this node has message {state.applied}"
        raise StreamGone(stream.shown, reason)
    with replica.writing() as (db, _):
        db.execute("UPDATE stream SET identity = ?", (extent.identity,))
    return extent


def check_node(replica: Replica, stream: Stream, place: ServerLog) -> None:
    """Raise LogUnavailable if another node writes the log and no database orders the takeover."""
    owner, node = place.owner, replica.state().node
    if owner is not None and not owner.shared and node not in {"", owner.node}:
        raise LogUnavailable(stream.shown, f"node {node} writes this log; two nodes need database on PostgreSQL")
