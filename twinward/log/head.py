"""The head record: a small file beside a log that tells how far the log reached, to find a cut at its end.

One line of fixed length, overwritten in place after each commit. It is not forced to the disk: after a power cut it may
tell an older position, which is no alarm, because the log itself is.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

LINE_BYTES = 512  # one disk sector: an overwrite is the old or the new line, never half of each


@dataclass(frozen=True, slots=True)
class Head:
    """How far the log reached.

    seq, digest: the last entry known to be committed; anchor: the highest position that retention was asked to drop;
    lost_seq, lost_digest: an entry that was there once and was found missing when the log was opened; 0 when none.
    """

    seq: int = 0
    digest: str = ""
    anchor: int = 0
    lost_seq: int = 0
    lost_digest: str = ""


class HeadFile:
    """Reads and writes the head record of one log; a disk error never disturbs the log, it is counted."""

    def __init__(self, log: Path) -> None:
        self.path = log.with_name(log.name + ".head")
        self.failures_total = 0

    def read(self) -> Head | None:
        """The record, or None when there is none or it cannot be read."""
        try:
            fields = json.loads(self.path.read_bytes())
            check = fields.pop("check")
            head = Head(**fields)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        return head if check == _check(head) else None

    def write(self, head: Head) -> None:
        """Replace the record; the log's entries are already durable, so a failure here must not undo them."""
        line = json.dumps(asdict(head) | {"check": _check(head)}).encode().ljust(LINE_BYTES - 1) + b"\n"
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o640)
            try:
                os.pwrite(file, line, 0)
            finally:
                os.close(file)
        except OSError:
            self.failures_total += 1

    def advance(self, seq: int, digest: bytes) -> None:
        """Tell that entry `seq` is committed. A record that is ahead stays: two writers may finish out of order."""
        head = self.read() or Head()
        if seq > head.seq:
            self.write(replace(head, seq=seq, digest=digest.hex()))


def _check(head: Head) -> str:
    return hashlib.sha256(json.dumps(asdict(head), sort_keys=True).encode()).hexdigest()[:16]
