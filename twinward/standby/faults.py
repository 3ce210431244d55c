"""Detects faults between broker and alerts: log, stages behind it, backlog, disk, watched parts."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from alerts import StorageFault, storage_fault
from ingest.mqtt import Chunk, Failing

from .self_monitor import BACKLOG, DISK, LOG, DiskSpace
from .watches import ROLE_DETECT, ROLE_INGEST, Watch

CALM_S = 2.0
"""Time without a fault after which it no longer lasts."""
SOON_S, LATE_S, BACKLOG_S = 0.3, 1.0, 3.0
"""Delays at the broker from which degraded mode receives messages, scores them, and notifies people."""
SILENT_S = 1.0
"""Time without an answer of the broker after which its delay is unknown."""
STAGE_FAILED = StorageFault("stage_failed", "处理环节出错", "a stage fails")
NO_ANSWER = StorageFault("no_answer", "日志写入无响应", "the log does not answer")
WAITS = StorageFault("backlog", "消息在消息服务器积压", "messages wait at the broker")


class Source(Protocol):
    """The durable session, or a `DiskProbe` in a process without one."""

    def failing(self) -> Failing | None:
        """Return the failure of the log, with its start."""
        ...

    def unstored(self) -> list[Chunk]:
        """Return received messages that are not durable."""
        ...

    def delay_s(self) -> float:
        """Return the delay of messages at the broker in s; 0.0 while unknown."""
        ...

    def unreachable_s(self) -> float:
        """Return the time without an answer of the broker in s; 0.0 while it answers or nothing is due."""
        ...


@dataclass(frozen=True, slots=True)
class Faults:
    """Result of one look.

    causes: part -> cause of each present fault. lasting_s: part -> duration of each fault that degraded mode covers
    and that was present within the last 2 s. slow, late: messages waited at the broker within the last 2 s, over 0.3 s
    or 1 s.
    """

    causes: Mapping[str, StorageFault]
    lasting_s: Mapping[str, float]
    slow: bool = False
    late: bool = False


class FaultDetector:
    """Reads the state of every part; one thread calls `look` many times a second."""

    def __init__(
        self,
        source: Source,
        stages: Mapping[str, Callable[[], str]],
        space: DiskSpace,
        watches: Sequence[Watch] = (),
        *,
        replaced: Callable[[], bool] = lambda: False,
    ) -> None:
        """stages: part -> its present error, or ""; in the order of the data flow. watches: of all other parts.

        replaced: whether another node does the work of this process, which ends: it then has no fault to cover.
        """
        self._source, self._stages, self._space, self._watches = source, stages, space, watches
        self._replaced = replaced
        self._covered = {LOG, BACKLOG, ROLE_INGEST, ROLE_DETECT, *stages}
        self._spans: dict[str, tuple[float, float]] = {}
        self._slow_s = self._late_s = -CALM_S

    def look(self, now_s: float) -> Faults:
        """Return the faults at this moment; now_s: monotonic seconds."""
        if self._replaced():
            return Faults({}, {})
        causes = self._causes(now_s)
        for watch in self._watches:
            with contextlib.suppress(OSError, sqlite3.Error):  # unreadable now: the log's own fault is reported
                causes |= watch.look(now_s)
        for part in causes.keys() & self._covered:
            since_s, _ = self._spans.get(part, (now_s, now_s))
            self._spans[part] = since_s, now_s
        self._spans = {part: span for part, span in self._spans.items() if now_s - span[1] < CALM_S}
        lasting_s = {part: seen_s - since_s for part, (since_s, seen_s) in self._spans.items()}
        if scarce := self._space.look(now_s):
            causes[DISK] = scarce
        return Faults(causes, lasting_s, slow=now_s - self._slow_s < CALM_S, late=now_s - self._late_s < CALM_S)

    def _causes(self, now_s: float) -> dict[str, StorageFault]:
        causes: dict[str, StorageFault] = {}
        failing = self._source.failing()
        if failing is not None:
            causes[LOG] = storage_fault(failing.error) if failing.error is not None else NO_ANSWER
        for part, error in self._stages.items():
            if text := error():
                cause = storage_fault(RuntimeError(text))
                causes[part] = STAGE_FAILED if cause.code == "not_writable" else cause
        delay_s = self._source.delay_s() if self._source.unreachable_s() < SILENT_S else 0.0
        self._slow_s = now_s if delay_s > SOON_S else self._slow_s
        self._late_s = now_s if delay_s > LATE_S else self._late_s
        if delay_s > BACKLOG_S and not causes:
            causes[BACKLOG] = WAITS
        return causes
