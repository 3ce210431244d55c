"""Detection of a log that cannot be written, in a process that does not write it."""

from __future__ import annotations

import errno
from pathlib import Path

from twinward.standby.disk_probe import EVERY_S, STILL_S, DiskProbe


class Hand:
    """Clock and head of the log, set by the test."""

    now_s, seq = 100.0, 7

    def probe(self, folder: Path) -> DiskProbe:
        """Return a probe that reads them."""
        return DiskProbe(folder, lambda: self.seq, monotonic=lambda: self.now_s)


def test_a_disk_with_free_space_is_no_failure_and_keeps_no_file(tmp_path: Path) -> None:
    """After five probes the folder is empty."""
    hand = Hand()
    probe = hand.probe(tmp_path)
    for _ in range(5):
        hand.now_s += EVERY_S
        assert probe.failing() is None
    assert list(tmp_path.iterdir()) == []
    assert probe.unstored() == []


def test_a_full_disk_is_a_failure_once_the_log_stops_growing(tmp_path: Path) -> None:
    """The kernel rejects the file. A growing log is no failure; free space ends the failure."""
    hand = Hand()
    probe = hand.probe(tmp_path)
    probe._path.symlink_to("/dev/full")
    for seq in range(8, 12):
        hand.now_s, hand.seq = hand.now_s + EVERY_S, seq
        assert probe.failing() is None
    hand.now_s += STILL_S
    failing = probe.failing()
    assert failing is not None
    assert isinstance(failing.error, OSError)
    assert failing.error.errno == errno.ENOSPC
    probe._path.unlink()
    hand.now_s += EVERY_S
    assert probe.failing() is None
