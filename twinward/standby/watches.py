"""Watches of broker, sensors, roles, store, queues, disk speed and clock.

Each watch returns its present causes. `FaultReporter` debounces them and reports start and end.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from alerts import StorageFault
from ingest.mqtt import SLOW_WRITE_S, Subscriber, Takeovers
from twinward.data_folder.locks import ROLES, holder, roles_of
from twinward.data_folder.watch import FileWatch
from twinward.log import TelemetryLog
from twinward.pump import Pump
from twinward.stages import STORE

from .duty_watch import DutyWatch

BROKER, SESSION, SENSORS, STORE_AWAY, QUEUE, SLOW_DISK, CLOCK, PATH, ROLE = (
    "broker",
    "session",
    "sensors",
    "store",
    "queue",
    "slow_disk",
    "clock",
    "alarm_path",
    "role_",
)
"""Parts; a role's part is `role_` and its name."""
ROLE_INGEST, ROLE_DETECT = f"{ROLE}ingest", f"{ROLE}detect"
"""Roles whose work degraded mode does from memory while they fail."""
BROKER_AWAY = StorageFault("broker_away", "消息服务器无响应", "the broker does not answer")
TAKEN_OVER = StorageFault(
    "session_taken", "与消息服务器的会话被其他客户端占用", "another client took over the session at the broker"
)
NO_MESSAGES = StorageFault("no_messages", "没有任何传感器上报", "no sensor reports")
NO_ALARM = StorageFault(
    "alarm_path", "自检报警未能从传感器通到通知渠道", "synthetic alarms do not pass from the broker to the channels"
)
NO_PROCESS = StorageFault("no_process", "进程未运行", "its process does not run")
NO_HEARTBEAT = StorageFault("no_heartbeat", "进程无响应", "its process does not answer")
PART_FAILS = StorageFault("part_fails", "部分功能不工作", "a part of its process does not work")
STORE_FAILS = StorageFault("store_away", "时序数据库无响应", "the time-series store does not answer")
OLD_QUEUE = StorageFault("queue_old", "待处理数据超过10秒", "entries wait for over 10 s")
SLOW_WRITES = StorageFault("disk_slow", "磁盘写入超过1秒", "a write to disk takes over 1 s")
CLOCK_STEPPED = StorageFault("clock_step", "系统时间发生跳变", "the system clock stepped")
CLOCK_BEHIND = StorageFault("clock_behind", "系统时间早于已存数据", "the system clock is behind the stored data")
CLOCK_YEAR = StorageFault("clock_year", "系统时间年份不合理", "the year of the system clock is implausible")

AWAY_S = 5.0
"""Time without an answer of the broker; with the debounce of 2 s the report comes within 8 s."""
HEARTBEAT_S, HEARTBEAT_S_MAX = 1.0, 6.0
QUEUE_S = 10.0
SLOW_WRITE_KEPT_S = 10.0
STEP_S, STEP_KEPT_S = 30.0, 60.0
BEHIND_S = 60.0
YEARS = (2024, 2100)
SECOND_NS = 1_000_000_000
SILENCE_S_MIN, MESSAGES_MIN, OBSERVED_S_MIN = 60.0, 100, 600.0
MEAN_GAPS, LONGEST_GAPS = 20.0, 3.0
DAY_S = 86_400.0


class Watch(Protocol):
    """One watch. The standby's thread calls `look` about 20 times a second; it must not block."""

    def look(self, now_s: float) -> Mapping[str, StorageFault]:
        """Return part -> cause of each present fault; now_s: monotonic seconds."""
        ...


class BrokerWatch:
    """The broker is away: connection lost, or no byte while an answer is due."""

    def __init__(self, unreachable_s: Callable[[], float]) -> None:
        """unreachable_s: returns the time without an answer in s; see `ingest.mqtt.Subscriber`."""
        self._unreachable_s = unreachable_s

    def look(self, now_s: float) -> Mapping[str, StorageFault]:  # noqa: ARG002 - signature of Watch
        """Return the fault after 5 s without an answer."""
        return {BROKER: BROKER_AWAY} if self._unreachable_s() > AWAY_S else {}


class SessionWatch:
    """Another client took over the session at the broker within the last minute: its messages may be lost."""

    def __init__(self, takeovers: Takeovers) -> None:
        self._takeovers = takeovers

    def look(self, now_s: float) -> Mapping[str, StorageFault]:
        """Return the fault for a minute after the last takeover."""
        return {SESSION: TAKEN_OVER} if self._takeovers.lasting(now_s) else {}


class SensorWatch:
    """No message from any sensor, for a bound that the fleet's own gaps give.

    bound = max(60 s, 20 mean gaps, 3 times the longest gap of the last day), after 100 messages over 10 minutes. For
    independent sensors the gaps are exponential, so a gap of 20 means has a probability of 2e-9. The 10 minutes cover a
    backlog at the start and devices that send together: their pause is then a known gap. The longest gap covers
    nights and sleeping devices from the second day on.
    """

    def __init__(self, received: Callable[[], int]) -> None:
        """received: returns the number of messages since the start."""
        self._received = received
        self._count, self._first_s, self._last_s = 0, 0.0, 0.0
        self._longest: deque[tuple[float, float]] = deque()

    def look(self, now_s: float) -> Mapping[str, StorageFault]:
        """Return the fault beyond the bound."""
        count = self._received()
        if count != self._count:
            if self._count:
                self._note(now_s, now_s - self._last_s)
            else:
                self._first_s = now_s
            self._count, self._last_s = count, now_s
        return {SENSORS: NO_MESSAGES} if self._count and now_s - self._last_s > self.bound_s() else {}

    def bound_s(self) -> float:
        """Return the present bound in s; infinite before 100 messages over 10 minutes."""
        observed_s = self._last_s - self._first_s
        if self._count < MESSAGES_MIN or observed_s < OBSERVED_S_MIN:
            return math.inf
        mean_s = observed_s / (self._count - 1)
        longest_s = self._longest[0][1] if self._longest else 0.0
        return max(SILENCE_S_MIN, MEAN_GAPS * mean_s, LONGEST_GAPS * longest_s)

    def _note(self, now_s: float, gap_s: float) -> None:
        """Keep the gaps of a day that no later gap exceeds, longest first."""
        while self._longest and self._longest[0][0] < now_s - DAY_S:
            self._longest.popleft()
        while self._longest and self._longest[-1][1] <= gap_s:
            self._longest.pop()
        self._longest.append((now_s, gap_s))


class PathWatch:
    """Synthetic alarms no longer arrive at their channel: a stage between broker and outbox does nothing."""

    def __init__(self, interrupted: Callable[[], bool]) -> None:
        """interrupted: see `alerts.WatchdogChannel`."""
        self._interrupted = interrupted

    def look(self, now_s: float) -> Mapping[str, StorageFault]:  # noqa: ARG002 - signature of Watch
        """Return the fault after two intervals without an alarm."""
        return {PATH: NO_ALARM} if self._interrupted() else {}


class RoleWatch:
    """A role in another process does not run, or its heartbeat is old."""

    def __init__(self, folder: Path, own: Sequence[str], *, started_s: float) -> None:
        """folder: data folder of all roles; own: roles of this process; started_s: monotonic time of its start."""
        self._folder, self._others = folder, tuple(role for role in ROLES if role not in own)
        self._looked_s, self._started_s = -HEARTBEAT_S, started_s
        self._found: dict[str, StorageFault] = {}

    def look(self, now_s: float) -> Mapping[str, StorageFault]:
        """Return a fault per role, read once a second; processes that start together have 6 s."""
        if self._others and now_s - self._looked_s >= HEARTBEAT_S and now_s - self._started_s > HEARTBEAT_S_MAX:
            self._looked_s = now_s
            causes = {role: self._cause(role) for role in self._others}
            self._found = {f"{ROLE}{role}": cause for role, cause in causes.items() if cause is not None}
        return self._found

    def _cause(self, role: str) -> StorageFault | None:
        process = holder(self._folder, role)
        if process is None:
            return NO_PROCESS
        if process.age_s > HEARTBEAT_S_MAX:
            return NO_HEARTBEAT
        return PART_FAILS if process.failing else None


class StoreWatch:
    """The time-series store rejects writes; the log keeps them."""

    def __init__(self, error: Callable[[], str]) -> None:
        """error: returns the error of the last turn of the store stage, or ""."""
        self._error = error

    def look(self, now_s: float) -> Mapping[str, StorageFault]:  # noqa: ARG002 - signature of Watch
        """Return the fault while the last turn failed."""
        return {STORE_AWAY: STORE_FAILS} if self._error() else {}


class Reader(Protocol):
    """A stage with its position and the end of its log; a `Pump` is one."""

    cursor: int

    def head(self) -> int:
        """Return the last position of the log."""
        ...


class QueueWatch:
    """An entry waits for a stage for over 10 s: the stage is behind the head of 10 s ago."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = readers
        self._heads: deque[tuple[float, tuple[int, ...]]] = deque()
        self._found: dict[str, StorageFault] = {}

    def look(self, now_s: float) -> Mapping[str, StorageFault]:
        """Return the fault; reads the heads once a second."""
        if self._heads and now_s - self._heads[-1][0] < 1.0:
            return self._found
        self._heads.append((now_s, tuple(reader.head() for reader in self._readers)))
        while len(self._heads) > 1 and self._heads[1][0] <= now_s - QUEUE_S:
            self._heads.popleft()
        since_s, heads = self._heads[0]
        waiting = any(reader.cursor < head for reader, head in zip(self._readers, heads, strict=True))
        self._found = {QUEUE: OLD_QUEUE} if waiting and since_s <= now_s - QUEUE_S else {}
        return self._found


class DiskSpeedWatch:
    """A durable write took over 1 s within the last 10 s."""

    def __init__(self, slowest: Callable[[], tuple[float, float]]) -> None:
        """slowest: returns monotonic end and duration in s of the last write over 1 s; zeros for none."""
        self._slowest = slowest

    def look(self, now_s: float) -> Mapping[str, StorageFault]:
        """Return the fault for 10 s after the write."""
        ended_s, took_s = self._slowest()
        slow = took_s > SLOW_WRITE_S and now_s - ended_s < SLOW_WRITE_KEPT_S
        return {SLOW_DISK: SLOW_WRITES} if slow else {}


class ClockWatch:
    """The wall clock steps by over 30 s, is over a minute behind the log, or has an implausible year."""

    def __init__(self, clock: Callable[[], int], newest_ns: int) -> None:
        """clock: ns since 1970; newest_ns: the clock at the newest entry of the log at the start, 0 for none."""
        self._clock, self._newest_ns = clock, newest_ns
        self._before: tuple[float, int] | None = None
        self._stepped_s = -math.inf

    def look(self, now_s: float) -> Mapping[str, StorageFault]:
        """Return the fault; a step lasts for a minute."""
        now_ns = self._clock()
        if self._before is not None:
            passed_s = (now_ns - self._before[1]) / SECOND_NS
            self._stepped_s = now_s if abs(passed_s - (now_s - self._before[0])) > STEP_S else self._stepped_s
        self._before = now_s, now_ns
        if not YEARS[0] <= time.gmtime(now_ns // SECOND_NS).tm_year < YEARS[1]:
            return {CLOCK: CLOCK_YEAR}
        if self._newest_ns - now_ns > BEHIND_S * SECOND_NS:
            return {CLOCK: CLOCK_BEHIND}
        return {CLOCK: CLOCK_STEPPED} if now_s - self._stepped_s < STEP_KEPT_S else {}


def watches(
    subscriber: Subscriber | None,
    pumps: Sequence[Pump[Any]],
    *,
    log: TelemetryLog,
    folder: Path,
    role: str,
    repaired: bool,
    interrupted: Callable[[], bool],
    duty: Callable[[], Mapping[str, StorageFault]] = dict,
    simulated: bool = False,
) -> list[Watch]:
    """Return the watches of a process.

    subscriber: the durable session, in a process with ingest. repaired: whether the start repaired the folder.
    interrupted: whether synthetic alarms do not pass. duty: faults of rosters and escalations. simulated: the log has
    times of a simulated clock.
    """
    now_s = time.monotonic()
    found: list[Watch] = [
        QueueWatch(pumps),
        ClockWatch(time.time_ns, 0 if simulated else log.newest_ns()),
        RoleWatch(folder, roles_of(role), started_s=now_s),
        FileWatch(folder, repaired=repaired, started_s=now_s),
        PathWatch(interrupted),
        DutyWatch(duty),
        *(StoreWatch(partial(getattr, pump, "last_error")) for pump in pumps if pump.name == STORE),
    ]
    if subscriber is not None:
        found += [
            BrokerWatch(subscriber.unreachable_s),
            SessionWatch(subscriber.takeovers),
            SensorWatch(lambda: subscriber.received_total),
            DiskSpeedWatch(lambda: subscriber.slow_write),
        ]
    return found
