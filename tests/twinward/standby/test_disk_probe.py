"""A process that does not write the log finds out by itself that it cannot be written."""

from __future__ import annotations

import errno
from pathlib import Path

from twinward.standby.disk_probe import EVERY_S, STILL_S, DiskProbe


class Hand:
    """A clock and a log's head, moved by hand."""

    now_s, seq = 100.0, 7

    def probe(self, folder: Path) -> DiskProbe:
        """A probe that goes by them."""
        return DiskProbe(folder, lambda: self.seq, monotonic=lambda: self.now_s)


def test_a_disk_with_room_is_well_and_keeps_no_trace(tmp_path: Path) -> None:
    """Asked again and again, nothing stays in the folder."""
    hand = Hand()
    probe = hand.probe(tmp_path)
    for _ in range(5):
        hand.now_s += EVERY_S
        assert probe.failing() is None
    assert list(tmp_path.iterdir()) == []
    assert probe.unstored() == []


def test_a_full_disk_shows_once_the_log_stands_still(tmp_path: Path) -> None:
    """The kernel's own refusal; while the log grows all the same, all is well; room again ends it."""
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
