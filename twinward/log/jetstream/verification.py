"""Walk over the entries of a stream, independent of the copies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from twinward.log.head import Head
from twinward.log.verify import Chained, Report, verify

from .commit import read_base, read_commit
from .follower import DAMAGED
from .stream import BASE, CUT, OWNER, Message, Stream

Row = tuple[int, int, int, str, bytes, bytes]


def verify_stream(stream: Stream, head: Head | None, known: Sequence[tuple[int, str]]) -> Report:
    """Return the report on a stream; again if retention deleted messages during the walk. Raises LogUnavailable."""
    while True:
        extent, base = stream.extent(), _newest(stream)
        report = verify(lambda: _chained(stream, base, extent.last if extent else 0), head, known)  # noqa: B023 - runs here
        if report.ok or _position(_newest(stream)) == _position(base):
            return report


def _chained(stream: Stream, base: Message | None, last: int) -> Chained:
    anchor = None
    if base is not None:
        found = read_base(base.body)
        anchor = (found.anchor, found.digest) if found.anchor else None
    return anchor, _rows(stream, last, after=anchor[0] if anchor else 0)


def _rows(stream: Stream, last: int, *, after: int) -> Iterator[Row]:
    """Yield the entries behind the anchor: position, time, number in the digest, batch id, digest, block."""
    begun = False
    for message in stream.read(0, last):
        if message.kind != OWNER:
            continue
        try:
            commit = read_commit(message.body, message.headers)
        except DAMAGED as error:
            raise ValueError(f"message {message.first}: {error}") from error
        for one in commit.entries:
            if not begun and one.seq <= after:
                continue
            begun = True
            yield one.seq, one.written_ns, one.block.number, one.block.batch, one.digest, one.block.data


def _newest(stream: Stream) -> Message | None:
    """Return the newest message with an anchor."""
    return max((found for kind in (CUT, BASE) if (found := stream.last(kind))), key=_position, default=None)


def _position(message: Message | None) -> int:
    return 0 if message is None else message.last
