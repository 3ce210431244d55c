"""The machine's clock jumps by an hour and by a year, forward and back, while readings stream in."""

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
def jumping(tmp_path: Path, run_twinward: Any) -> tuple[dict[str, str], Callable[[str], None]]:
    """Environment of a process whose wall clock can be moved, and what moves it; the monotonic clock stays."""
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


def longest_stall_s(kept: Any, seconds: float) -> float:
    """The longest time within which the log took in nothing."""
    end_s = changed_s = time.monotonic()
    end_s += seconds
    stored, longest_s = kept.total()["stored"], 0.0
    while time.monotonic() < end_s:
        time.sleep(0.1)
        now = kept.total()["stored"]
        longest_s = max(longest_s, time.monotonic() - changed_s)
        if now != stored:
            stored, changed_s = now, time.monotonic()
    return longest_s


@pytest.mark.broker
def test_jumps_of_the_clock_lose_double_and_stall_nothing(
    mosquitto: Any, jumping: tuple[dict[str, str], Callable[[str], None]], rig: Any
) -> None:
    """An hour and a year, each way: every reading once, one ticket an alarm, and stamps are judged as is documented."""
    environment, jump = jumping
    service = rig.service(mosquitto.url)
    service.environment |= environment
    service.start()
    alarms, kept = rig.alarms(mosquitto.port, service), rig.kept(service)
    phase_s = rig.size(PHASE_S, PHASE_LONG_S)
    count = RATE * (phase_s * len(JUMPS) + 3)
    sender = rig.sender(mosquitto.url, rate=RATE, count=count, sensors=SENSORS, timed=False)
    time.sleep(1)
    stalls_s, slowest_s = {}, {}
    for name, offset in JUMPS.items():
        jump(offset)
        alarms.publish(name.replace(" ", "-"), b'{"time": %d, "co2": 500}' % (time.time_ns() // 1_000_000))
        place = alarms.sound()
        stalls_s[name] = round(longest_stall_s(kept, phase_s), 1)
        rig.until(lambda place=place: place in alarms.seconds, timeout_s=10, what=f"a ticket after {name}")
        slowest_s[name] = round(alarms.seconds[place], 1)
        rig.until(service.ready, timeout_s=5, what=f"ready after {name}")
    sender.finish()
    rig.caught_up(service, sender.count + len(alarms.raised))
    rig.tell(stalls_s=stalls_s, alarms_s=slowest_s)
    assert max(stalls_s.values()) < rig.bound_s(STALL_S)
    assert not alarms.doubled
    total = kept.total()
    assert total["quarantined"] == {"time_future": 1}  # the stamp that lies a year ahead of the clock
    assert total["notices"] == {"time_future": 1}  # an hour ahead: stored under the arrival time
    assert kept.sensors_with("co2") == sorted({name.replace(" ", "-") for name in JUMPS} - {"year-back"})
    assert service.stop() == 0
    kept.check(sender)
