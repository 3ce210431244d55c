"""Own faults are told once, their end once, and a fault that flaps does not wake people every few seconds."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import NEARLY_FULL, StorageFault
from twinward.standby.self_monitor import CALM_S, CALM_S_MAX, ROOM_EVERY_S, TOLD_AFTER_S, DiskSpace, SelfMonitor

FULL = StorageFault("disk_full", "磁盘已满", "the disk is full")
SECOND_NS = 1_000_000_000


class Hand:
    """Both clocks, moved together in tenths of a second; what was told is kept with the second of it."""

    def __init__(self) -> None:
        self.tenths = 0
        self.watch = SelfMonitor(lambda: self.tenths * SECOND_NS // 10)
        self.told: list[tuple[float, str, bool]] = []

    def pass_s(self, seconds: float, *, broken: bool) -> None:
        """So long the log is broken, or not."""
        for _ in range(round(seconds * 10)):
            self.tenths += 1
            now_s = self.tenths / 10
            for fault in self.watch.see({"log": FULL} if broken else {}, now_s, warnings=frozenset()):
                self.told.append((now_s, fault.part, fault.over_ns is not None))


def test_a_moment_is_not_told() -> None:
    """A file that is busy for a second is nobody's concern."""
    hand = Hand()
    hand.pass_s(TOLD_AFTER_S - 0.5, broken=True)
    hand.pass_s(60, broken=False)
    assert (hand.told, hand.watch.faults) == ([], [])


def test_a_fault_is_told_soon_and_its_end_after_a_calm_while() -> None:
    """Two seconds, then ten; in between it stands among the faults."""
    hand = Hand()
    hand.pass_s(30, broken=True)
    assert [over for _, _, over in hand.told] == [False]
    assert hand.told[0][0] <= TOLD_AFTER_S + 0.2
    assert [fault.part for fault in hand.watch.faults] == ["log"]
    hand.pass_s(CALM_S + 1, broken=False)
    assert [over for _, _, over in hand.told] == [False, True]
    assert hand.watch.faults == []


@given(spans=st.lists(st.tuples(st.floats(0.1, 40), st.floats(0.1, 40)), max_size=25))
def test_beginnings_and_ends_take_turns_and_grow_rare(spans: list[tuple[float, float]]) -> None:
    """However it flaps: told in turns, and never more than a handful of times in ten minutes."""
    hand = Hand()
    for bad_s, good_s in spans:
        hand.pass_s(bad_s, broken=True)
        hand.pass_s(good_s, broken=False)
    assert [over for _, _, over in hand.told] == [bool(n % 2) for n in range(len(hand.told))]
    for at_s, _, _ in hand.told:
        assert sum(at_s <= other_s < at_s + 600 for other_s, _, _ in hand.told) <= 12
    hand.pass_s(CALM_S_MAX + 1, broken=False)
    assert hand.watch.faults == []


def disk(share: list[float]) -> SimpleNamespace:
    """What shutil tells of a disk with that share free."""
    return SimpleNamespace(free=int(share[0] * 1_000), total=1_000)


def test_a_disk_that_is_nearly_full_warns_before_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below a twentieth, and until there is a hundredth more, so that it does not flicker."""
    share = [0.5]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk(share))
    room, seen = DiskSpace(tmp_path), []
    for now_s, free in enumerate((0.5, 0.051, 0.049, 0.051, 0.055, 0.061)):
        share[0] = free
        seen.append(room.look(now_s * ROOM_EVERY_S) is NEARLY_FULL)
    assert seen == [False, False, True, True, True, False]
    assert room.share == 0.061


def test_a_disk_that_cannot_be_asked_keeps_the_last_answer(tmp_path: Path) -> None:
    """A folder that is gone is told by what fails to write there."""
    assert DiskSpace(tmp_path / "gone").look(ROOM_EVERY_S) is None
