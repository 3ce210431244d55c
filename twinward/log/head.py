"""Head record: a small file beside a log with its last position, to detect a cut at the end.

One line of fixed length, overwritten in place after each commit, without fsync. After a power cut it may have an
earlier position, which is no error; the log itself is synced.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

LINE_BYTES = 512  # one disk sector: an overwrite leaves the previous or the new line, never a mixture


@dataclass(frozen=True, slots=True)
class Head:
    """Last position of a log.

    seq, digest: last committed entry; anchor: highest position that retention was to delete; lost_seq, lost_digest: an
    earlier entry found missing when the log was opened; 0 and "" when none.
    """

    seq: int = 0
    digest: str = ""
    anchor: int = 0
    lost_seq: int = 0
    lost_digest: str = ""


class HeadFile:
    """Reads and writes the head record of one log. Disk errors are counted and do not affect the log."""

    def __init__(self, log: Path) -> None:
        self.path = log.with_name(log.name + ".head")
        self.failures_total = 0

    def read(self) -> Head | None:
        """Return the record, or None when it is missing or unreadable."""
        try:
            fields = json.loads(self.path.read_bytes())
            check = fields.pop("check")
            head = Head(**fields)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        return head if check == _check(head) else None

    def write(self, head: Head) -> None:
        """Replace the record. The log entries are already durable, so a failure here is only counted."""
        line = json.dumps(asdict(head) | {"check": _check(head)}).encode().ljust(LINE_BYTES - 1) + b"\n"
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.pwrite(file, line, 0)
            finally:
                os.close(file)
        except OSError:
            self.failures_total += 1

    def advance(self, seq: int, digest: bytes) -> None:
        """Record that entry `seq` is committed. A later record stays: two writers may finish out of order."""
        head = self.read() or Head()
        if seq > head.seq:
            self.write(replace(head, seq=seq, digest=digest.hex()))

    def keep_anchor(self, seq: int) -> None:
        """Record that retention was to delete the entries up to `seq`; an earlier higher one stays."""
        head = self.read() or Head()
        if seq > head.anchor:
            self.write(replace(head, anchor=seq))

    def settle(self, seq: int, digest: bytes, *, anchor: int) -> None:
        """Compare the record with the end of the log before the first write; keep a missing end for `verify`."""
        head = self.read()
        if head is None:
            self.write(Head(seq, digest.hex(), anchor))
        elif head.seq > seq:
            lost = head if head.lost_seq else replace(head, lost_seq=head.seq, lost_digest=head.digest)
            self.write(replace(lost, seq=seq, digest=digest.hex()))


def _check(head: Head) -> str:
    return hashlib.sha256(json.dumps(asdict(head), sort_keys=True).encode()).hexdigest()[:16]
