"""Faults between broker and alerts, and the mode that follows from them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import StorageFault
from ingest.mqtt import Chunk, Failing
from twinward.standby.faults import BACKLOG_S, CALM_S, LATE_S, SOON_S, FaultDetector, Faults
from twinward.standby.mode import GRACE_S, Mode, choose_mode, is_due
from twinward.standby.self_monitor import DiskSpace

FULL = StorageFault("disk_full", "磁盘已满", "the disk is full")


class Session:
    """A durable session with a state set by the test."""

    def __init__(self) -> None:
        self.failure: Failing | None = None
        self.waits_s = 0.0

    def failing(self) -> Failing | None:
        """Return the failure of the test."""
        return self.failure

    def unstored(self) -> list[Chunk]:
        """Return no message."""
        return []

    def delay_s(self) -> float:
        """Return the delay of the test."""
        return self.waits_s

    def unreachable_s(self) -> float:
        """Return no time: the broker answers."""
        return 0.0


def test_each_part_has_its_cause(tmp_path: Path) -> None:
    """A rejected batch, a log without an answer, a failed stage and a delay at the broker are named."""
    session, errors = Session(), [""]
    detector = FaultDetector(session, {"detect": lambda: errors[0]}, DiskSpace(tmp_path, least=0.0))
    assert detector.look(0.0) == Faults({}, {})
    session.failure = Failing(0.0, sqlite3.OperationalError("database or disk is full"))
    assert {part: cause.code for part, cause in detector.look(1.0).causes.items()} == {"log": "disk_full"}
    session.failure, errors[0] = Failing(0.0, None), "ValueError: no such hazard"
    causes = detector.look(2.0).causes
    assert {part: cause.code for part, cause in causes.items()} == {"log": "no_answer", "detect": "stage_failed"}
    session.failure, errors[0], session.waits_s = None, "", BACKLOG_S + 1
    assert {part: cause.code for part, cause in detector.look(3.0).causes.items()} == {"backlog": "backlog"}


def test_a_fault_lasts_until_two_seconds_without_it(tmp_path: Path) -> None:
    """The duration runs from the first to the last time the fault was present."""
    session = Session()
    detector = FaultDetector(session, {}, DiskSpace(tmp_path, least=0.0))
    session.failure = Failing(0.0, OSError(5, "I/O error"))
    assert [detector.look(float(second)).lasting_s["log"] for second in range(4)] == [0.0, 1.0, 2.0, 3.0]
    session.failure = None
    assert detector.look(3.0 + CALM_S - 0.1).lasting_s == {"log": 3.0}
    assert detector.look(3.0 + CALM_S).lasting_s == {}


@pytest.mark.parametrize(
    ("delay_s", "expected"), [(SOON_S, (False, False)), (LATE_S, (True, False)), (BACKLOG_S, (True, True))]
)
def test_a_delay_is_slow_then_late(tmp_path: Path, delay_s: float, expected: tuple[bool, bool]) -> None:
    """The bounds themselves are no delay; both states end two seconds after the delay."""
    session = Session()
    detector = FaultDetector(session, {}, DiskSpace(tmp_path, least=0.0))
    session.waits_s = delay_s
    faults = detector.look(10.0)
    assert (faults.slow, faults.late) == expected
    session.waits_s = 0.0
    assert not detector.look(10.0 + CALM_S).slow


parts = st.dictionaries(st.sampled_from(["log", "backlog", "detect", "alert"]), st.floats(0, 10))


@given(lasting_s=parts, slow=st.booleans(), late=st.booleans())
def test_the_mode_follows_the_foremost_fault(lasting_s: dict[str, float], *, slow: bool, late: bool) -> None:
    """A failed log comes first, then a failed stage, then a slow broker; scoring waits for the grace time."""
    faults = Faults(dict.fromkeys(lasting_s, FULL), lasting_s, slow=slow, late=late)
    mode = choose_mode(faults)
    if "log" in lasting_s:
        assert mode is Mode.RECEIVE_ALL
    elif lasting_s.keys() & {"detect", "alert"}:
        assert mode is Mode.READ_LOG
    else:
        assert mode is (Mode.RECEIVE_URGENT if slow else Mode.IDLE)
    if mode is Mode.RECEIVE_URGENT:
        assert is_due(mode, faults) == late
    elif mode is not Mode.IDLE:
        assert is_due(mode, faults) == (max(lasting_s.values()) >= GRACE_S)
