"""Jumps of the system clock by an hour and a year, forward and back, under a steady load."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RATE, SENSORS = 1_000, 50
PHASE_S, PHASE_LONG_S = 2, 20
JUMPS = {
    "at first": "+0",
    "hour on": "+1h",
    "hour back": "-1h",
    "year on": "+365d",
    "year back": "-365d",
    "again": "+0",
}
STALL_S = 3.0
PRELOAD = Path(__file__).with_name("preload")


@pytest.fixture
def movable_clock(tmp_path: Path, run_twinward: Any) -> tuple[dict[str, str], Callable[[str], None]]:
    """Environment of a process with a movable wall clock, and the function that moves it; the monotonic clock stays."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        run_twinward.unavailable("the Debian package faketime is not installed")
    stamp = tmp_path / "clock"
    stamp.write_text("+0\n")
    environment = {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(stamp),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(PRELOAD), os.environ.get("PYTHONPATH")))),
    }

    def jump(offset: str) -> None:
        fresh = stamp.with_suffix(".new")
        fresh.write_text(offset + "\n")
        fresh.replace(stamp)

    return environment, jump


def longest_stall_s(data: Any, seconds: float) -> float:
    """Return the longest time without a new reading in the log."""
    end_s = changed_s = time.monotonic()
    end_s += seconds
    stored, longest_s = data.total()["stored"], 0.0
    while time.monotonic() < end_s:
        time.sleep(0.1)
        now = data.total()["stored"]
        longest_s = max(longest_s, time.monotonic() - changed_s)
        if now != stored:
            stored, changed_s = now, time.monotonic()
    return longest_s


@pytest.mark.broker
def test_clock_jumps_cause_no_loss_duplicate_or_stall(
    mosquitto: Any, movable_clock: tuple[dict[str, str], Callable[[str], None]], rig: Any
) -> None:
    """Every reading is stored once, each alarm has one ticket, and timestamps are validated as documented."""
    environment, jump = movable_clock
    service = rig.service(mosquitto.url)
    service.environment |= environment
    service.start()
    alarms, data = rig.alarms(mosquitto.port, service), rig.data_of(service)
    phase_s = rig.size(PHASE_S, PHASE_LONG_S)
    count = RATE * (phase_s * len(JUMPS) + 3)
    sender = rig.sender(mosquitto.url, rate=RATE, count=count, sensors=SENSORS, timed=False)
    time.sleep(1)
    stalls_s, slowest_s = {}, {}
    for name, offset in JUMPS.items():
        jump(offset)
        alarms.publish(name.replace(" ", "-"), b'{"time": %d, "co2": 500}' % (time.time_ns() // 1_000_000))
        place = alarms.raise_one()
        stalls_s[name] = round(longest_stall_s(data, phase_s), 1)
        rig.until(lambda place=place: place in alarms.seconds, timeout_s=10, what=f"a ticket after {name}")
        slowest_s[name] = round(alarms.seconds[place], 1)
        rig.until(service.ready, timeout_s=5, what=f"ready after {name}")
    sender.finish()
    rig.caught_up(service, sender.count + len(alarms.raised))
    rig.report(stalls_s=stalls_s, alarms_s=slowest_s)
    assert max(stalls_s.values()) < rig.bound_s(STALL_S)
    assert not alarms.duplicated
    total = data.total()
    assert total["quarantined"] == {"time_future": 1}  # the timestamp a year ahead of the clock
    assert total["notices"] == {"time_future": 1}  # an hour ahead: stored under the arrival time
    assert data.sensors_with("co2") == sorted({name.replace(" ", "-") for name in JUMPS} - {"year-back"})
    assert service.stop() == 0
    data.check(sender)
