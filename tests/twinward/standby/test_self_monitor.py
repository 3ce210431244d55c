"""Faults of the service: one report of start and end, rare reports of flapping faults."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import NEARLY_FULL, Notice, StorageFault
from twinward.standby.self_monitor import (
    CALM_S,
    CALM_S_MAX,
    NOTIFY_AFTER_S,
    SPACE_EVERY_S,
    DiskSpace,
    FaultReporter,
    SelfMonitor,
)

FULL = StorageFault("disk_full", "磁盘已满", "the disk is full")
SECOND_NS = 1_000_000_000


class Hand:
    """Both clocks, moved together in tenths of a second; reports are kept with their second."""

    def __init__(self) -> None:
        self.tenths = 0
        self.monitor = SelfMonitor(lambda: self.tenths * SECOND_NS // 10)
        self.reports: list[tuple[float, str, bool]] = []

    def pass_s(self, seconds: float, *, broken: bool) -> None:
        """Move both clocks; broken: whether the log fails meanwhile."""
        for _ in range(round(seconds * 10)):
            self.tenths += 1
            now_s = self.tenths / 10
            for fault in self.monitor.update({"log": FULL} if broken else {}, now_s, warnings=()):
                self.reports.append((now_s, fault.part, fault.over_ns is not None))


def test_a_short_fault_is_not_reported() -> None:
    """A file that is locked for a second is no fault."""
    hand = Hand()
    hand.pass_s(NOTIFY_AFTER_S - 0.5, broken=True)
    hand.pass_s(60, broken=False)
    assert (hand.reports, hand.monitor.faults) == ([], [])


def test_a_fault_is_reported_after_two_seconds_and_its_end_after_ten() -> None:
    """Between both reports the fault is listed."""
    hand = Hand()
    hand.pass_s(30, broken=True)
    assert [over for _, _, over in hand.reports] == [False]
    assert hand.reports[0][0] <= NOTIFY_AFTER_S + 0.2
    assert [fault.part for fault in hand.monitor.faults] == ["log"]
    hand.pass_s(CALM_S + 1, broken=False)
    assert [over for _, _, over in hand.reports] == [False, True]
    assert hand.monitor.faults == []


@given(spans=st.lists(st.tuples(st.floats(0.1, 40), st.floats(0.1, 40)), max_size=25))
def test_reports_of_a_flapping_fault_alternate_and_are_rare(spans: list[tuple[float, float]]) -> None:
    """Start and end alternate, with at most 12 reports in any ten minutes."""
    hand = Hand()
    for bad_s, good_s in spans:
        hand.pass_s(bad_s, broken=True)
        hand.pass_s(good_s, broken=False)
    assert [over for _, _, over in hand.reports] == [bool(n % 2) for n in range(len(hand.reports))]
    for at_s, _, _ in hand.reports:
        assert sum(at_s <= other_s < at_s + 600 for other_s, _, _ in hand.reports) <= 12
    hand.pass_s(CALM_S_MAX + 1, broken=False)
    assert hand.monitor.faults == []


def disk(share: list[float]) -> SimpleNamespace:
    """Return the usage of a disk with that free share."""
    return SimpleNamespace(free=int(share[0] * 1_000), total=1_000)


def test_a_nearly_full_disk_is_a_warning_with_hysteresis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The warning starts below 5 % of free space and ends above 6 %."""
    share = [0.5]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk(share))
    space, seen = DiskSpace(tmp_path), []
    for now_s, free in enumerate((0.5, 0.051, 0.049, 0.051, 0.055, 0.061)):
        share[0] = free
        seen.append(space.look(now_s * SPACE_EVERY_S) is NEARLY_FULL)
    assert seen == [False, False, True, True, True, False]
    assert space.share == 0.061


def test_an_unreadable_disk_keeps_the_last_result(tmp_path: Path) -> None:
    """A missing folder is no lack of space: the log reports it."""
    assert DiskSpace(tmp_path / "gone").look(SPACE_EVERY_S) is None


class Sent:
    """Outbox that keeps the parts and types of its notices."""

    def __init__(self) -> None:
        self.types: list[str] = []

    def send(self, notices: Sequence[Notice]) -> int:
        """Keep the notices."""
        self.types += [notice.type for notice in notices]
        return len(notices)


def test_stages_behind_a_failed_log_are_not_reported() -> None:
    """They fail for the same reason; without the log's fault, one stage is reported for all of them."""
    for causes, expected in (
        ({"log": FULL, "detect": FULL, "alert": FULL}, ["log"]),
        ({"detect": FULL, "alert": FULL}, ["detect"]),
        ({"disk": NEARLY_FULL, "alert": FULL}, ["disk", "alert"]),
    ):
        reporter = FaultReporter(("detect", "alert"), Sent(), (), lambda: 1)  # type: ignore[arg-type]
        assert [reporter.report(causes, now_s) for now_s in (0.0, NOTIFY_AFTER_S)] == [0, len(expected)]
        assert [fault.part for fault in reporter.faults] == expected


def test_a_page_without_a_receiver_hides_no_other_fault() -> None:
    """An interrupted alarm path and a second chain are reported beside it, each in red with its own words."""
    chains = {f"escalation school-{number} fire": StorageFault("chain_empty", "无人", "nobody") for number in (1, 2)}
    reporter = FaultReporter(("alert",), Sent(), (), lambda: 1)  # type: ignore[arg-type]
    causes = {**chains, "alarm_path": FULL}
    assert [reporter.report(causes, now_s) for now_s in (0.0, NOTIFY_AFTER_S)] == [0, 3]
    assert {fault.part: fault.grade for fault in reporter.faults} == dict.fromkeys(causes, "red")
    texts = [fault.text["en"] for fault in reporter.faults if fault.part in chains]
    assert texts == ["nobody. Check roster and channels immediately"] * 2
    assert not any(fault.blinds for fault in reporter.faults if fault.part in chains)
    reporter = FaultReporter(("alert",), Sent(), (), lambda: 1)  # type: ignore[arg-type]
    assert [reporter.report({"log": FULL, "alarm_path": FULL}, now_s) for now_s in (0.0, NOTIFY_AFTER_S)] == [0, 1]


def test_a_fault_that_moves_between_stages_is_one_fault() -> None:
    """The first failed stage keeps the fault while another one fails, and its end is reported once."""
    outbox = Sent()
    reporter = FaultReporter(("detect", "alert"), outbox, [Channel()], lambda: 1)  # type: ignore[arg-type, list-item]
    for second in range(40):
        reporter.report({("detect", "alert")[second % 2]: FULL} if second < 20 else {}, float(second))
    assert set(outbox.types) == {"service.fault", "service.recovered"}
    assert [outbox.types.count(kind) for kind in ("service.fault", "service.recovered")] == [len(outbox.types) // 2] * 2
    assert reporter.faults == []


class Channel:
    """A channel without delivery."""

    name, for_programs = "phone", False
