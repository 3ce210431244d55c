"""Watches of the parts of the service: each fault has its bound, its end, and no false report."""

from __future__ import annotations

import os
import random
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinward.data_folder.locks import RoleLocks
from twinward.standby.watches import (
    AWAY_S,
    BEHIND_S,
    BROKER,
    CLOCK,
    DAY_S,
    HEARTBEAT_S_MAX,
    MESSAGES_MIN,
    QUEUE,
    QUEUE_S,
    SENSORS,
    SILENCE_S_MIN,
    SLOW_DISK,
    STEP_KEPT_S,
    STORE_AWAY,
    BrokerWatch,
    ClockWatch,
    DiskSpeedWatch,
    QueueWatch,
    RoleWatch,
    SensorWatch,
    StoreWatch,
)

SECOND_NS = 1_000_000_000
NOW_NS = 1_790_000_000 * SECOND_NS


def test_a_broker_is_away_after_five_seconds() -> None:
    """A short pause is no fault."""
    silent_s = [AWAY_S]
    watch = BrokerWatch(lambda: silent_s[0])
    assert watch.look(0.0) == {}
    silent_s[0] += 0.1
    assert list(watch.look(0.0)) == [BROKER]


class Fleet:
    """Messages of a fleet at given times."""

    def __init__(self, *times_s: float) -> None:
        self.count = 0
        self.watch = SensorWatch(lambda: self.count)
        for at_s in times_s:
            self.message(at_s)

    def message(self, at_s: float) -> None:
        """Receive one message; no fault may be present before."""
        assert self.watch.look(at_s - 1e-6) == {}
        self.count += 1
        assert self.watch.look(at_s) == {}


def test_a_silent_fleet_is_a_fault_beyond_its_own_gaps() -> None:
    """A fleet with a message a second is silent after a minute; the next message ends the fault."""
    fleet = Fleet(*map(float, range(700)))
    assert fleet.watch.look(699 + SILENCE_S_MIN) == {}
    assert list(fleet.watch.look(699.1 + SILENCE_S_MIN)) == [SENSORS]
    fleet.count += 1
    assert fleet.watch.look(762.0) == {}


@pytest.mark.parametrize("period_s", [300.0, 900.0, 3_600.0])
def test_a_backlog_at_the_start_and_devices_that_send_together_are_no_fault(period_s: float) -> None:
    """150 messages within a second, then one burst a period: the pauses between are no silence."""
    fleet = Fleet(*(period_s * burst + number / 150 for burst in range(6) for number in range(150)))
    assert fleet.watch.look(5 * period_s + 2 * period_s) == {}
    assert list(fleet.watch.look(5 * period_s + 4 * period_s)) == [SENSORS]


def test_a_small_fleet_is_not_silent_before_its_rate_is_known() -> None:
    """Fewer than 100 messages give no bound."""
    fleet = Fleet(*(600.0 * number for number in range(1, MESSAGES_MIN - 1)))
    assert fleet.watch.look(1e9) == {}


def test_a_quiet_night_is_known_from_the_second_day() -> None:
    """Eight hours of silence each night; the bound of the second night covers them."""
    day = [float(second) for second in range(0, 16 * 3_600, 60)]
    fleet = Fleet(*day)
    assert list(fleet.watch.look(16 * 3_600 + 7 * 3_600)) == [SENSORS]
    fleet.count += 1
    fleet.watch.look(DAY_S)
    for at_s in day[1:]:
        fleet.message(DAY_S + at_s)
    assert fleet.watch.look(2 * DAY_S - 60) == {}


@given(seed=st.integers(0, 2**32 - 1), mean_s=st.floats(0.01, 300))
def test_independent_sensors_cause_no_false_report(seed: int, mean_s: float) -> None:
    """Random messages of any rate: 1,000 gaps, none beyond the bound."""
    rng = random.Random(seed)  # noqa: S311 - a simulation
    fleet, at_s = Fleet(), 0.0
    for _ in range(1_000):
        at_s += rng.expovariate(1 / mean_s)
        fleet.message(at_s)


def test_another_role_is_watched_by_its_lock_and_heartbeat(tmp_path: Path) -> None:
    """No process, an old heartbeat and a failing part are three causes; the own role is not watched."""
    watch = RoleWatch(tmp_path, ["alert", "detect"], started_s=0.0)
    assert watch.look(HEARTBEAT_S_MAX) == {}
    assert {part: cause.code for part, cause in watch.look(7.0).items()} == {"role_ingest": "no_process"}
    ingest = RoleLocks(tmp_path, ["ingest"])
    assert watch.look(8.0) == {}
    ingest.beat(["broker"])
    assert {part: cause.code for part, cause in watch.look(9.0).items()} == {"role_ingest": "part_fails"}
    ingest.beat()
    old_s = time.time() - HEARTBEAT_S_MAX - 1
    os.utime(tmp_path / "ingest.lock", (old_s, old_s))
    assert {part: cause.code for part, cause in watch.look(10.0).items()} == {"role_ingest": "no_heartbeat"}
    ingest.beat()
    assert watch.look(11.0) == {}
    ingest.close()
    assert list(watch.look(12.0)) == ["role_ingest"]


def test_a_failed_store_is_a_fault_while_its_turns_fail() -> None:
    """The error of the last turn decides."""
    error = ["StoreError: no answer"]
    watch = StoreWatch(lambda: error[0])
    assert list(watch.look(0.0)) == [STORE_AWAY]
    error[0] = ""
    assert watch.look(0.0) == {}


@pytest.mark.parametrize(("rate", "found"), [(10, []), (9, [QUEUE])])
def test_a_queue_is_old_when_a_stage_is_behind_the_head_of_ten_seconds_ago(rate: int, found: list[str]) -> None:
    """A stage that keeps up with ten entries a second is not late, a slower one is."""
    reader = SimpleNamespace(cursor=0, last=0)
    reader.head = lambda: reader.last
    watch, causes = QueueWatch([reader]), {}
    for second in range(200):
        reader.last += 10
        reader.cursor += rate
        causes = watch.look(float(second))
    assert list(causes) == found
    reader.cursor = reader.last
    assert watch.look(200.0 + QUEUE_S) == {}


def test_a_slow_write_is_a_fault_for_ten_seconds() -> None:
    """A write of just a second is not slow."""
    writes = [(0.0, 0.0), (5.0, 1.0), (20.0, 1.1)]
    for (ended_s, took_s), causes in zip(writes, ([], [], [SLOW_DISK]), strict=True):
        watch = DiskSpeedWatch(lambda ended_s=ended_s, took_s=took_s: (ended_s, took_s))
        assert list(watch.look(ended_s + 9.9)) == causes
        assert watch.look(ended_s + 10.1) == {}


def clock_causes(*looks: tuple[float, float], newest_s: float = 0.0) -> list[str]:
    """Return the cause's code at each look; looks: monotonic s, wall clock in s after a moment of 2026."""
    wall = iter([NOW_NS + round(wall_s * SECOND_NS) for _, wall_s in looks])
    watch = ClockWatch(lambda: next(wall), NOW_NS + round(newest_s * SECOND_NS))
    return [cause.code for now_s, _ in looks for cause in [watch.look(now_s).get(CLOCK)] if cause]


@pytest.mark.parametrize("step_s", [3_600.0, -3_600.0, 31.0])
def test_a_step_of_the_clock_is_reported_for_a_minute(step_s: float) -> None:
    """Forward and back, also while the thread was stopped in between."""
    looks = [(0.0, 0.0), (10.0, 10.0), (10.1, 10.1 + step_s), (10.2 + STEP_KEPT_S, 10.2 + STEP_KEPT_S + step_s)]
    assert clock_causes(*looks, newest_s=-1e6) == ["clock_step"]
    assert [earlier[0] < later[0] for earlier, later in pairwise(looks)] == [True] * 3


def test_a_slewed_clock_and_a_stopped_process_are_no_step() -> None:
    """Both clocks pass together over a stop of the process."""
    assert clock_causes((0.0, 0.0), (60.0, 60.5), (9_000.0, 9_001.0)) == []


def test_a_clock_behind_the_log_is_reported_until_it_passes() -> None:
    """A machine that starts in the past has an implausible clock."""
    assert clock_causes((0.0, 0.0), (1.0, 1.0), newest_s=BEHIND_S + 0.5) == ["clock_behind"]


def test_an_implausible_year_is_reported() -> None:
    """1970 and 2100."""
    for year_ns in (0, 4_200_000_000 * SECOND_NS):
        assert ClockWatch(lambda year_ns=year_ns: year_ns, 0).look(0.0)[CLOCK].code == "clock_year"
