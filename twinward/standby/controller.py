"""Degraded mode: pages from memory while the log or a later stage cannot write.

The controller is idle while everything works. When the log rejects a batch, it subscribes by a session of its own
(`TransientSession`). After a part has failed for a second, it builds a flow in memory (`MemoryFlow`) and sends the
pages (`MemoryOutbox`) under the ids that the stored notices will have. It stores nothing and acknowledges nothing. The
broker keeps every message for the log, which receives, scores and stores all of them later.

The same mode covers a backlog at the broker, for life-safety messages only: messages published now are received and
scored ahead of the backlog.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from enum import Enum, auto
from typing import Any, Protocol

import structlog

from alerts import MemoryOutbox, ServiceFault, StorageFault, fault_notices, storage_fault
from alerts.notices.channels import Channel
from ingest import Frame
from ingest.mqtt import Chunk, Failing, FirstArrivals, TransientSession
from twinward.clock import Clock

from .memory_flow import MemoryFlow
from .self_monitor import DiskSpace, SelfMonitor

GRACE_S = 1.0
CALM_S = 2.0
REST_S = 0.05
TICK_S = 5.0
RETRY_S = 5.0
BUFFERED_MAX = 200_000
SOON_S, LATE_S, BACKLOG_S = 0.3, 1.0, 3.0
"""Messages that wait longer at the broker: it is listened to, in case; what is heard is judged; people are told so."""
HEARD_NS = 10_000_000_000
"""So long after it was heard a message has come by the log's session too, where there is no backlog."""
LOG, DISK, BACKLOG = "log", "disk", "backlog"
STAGE_FAILED = StorageFault("stage_failed", "处理环节出错", "a stage fails")
NO_ANSWER = StorageFault("no_answer", "日志写入无响应", "the log does not answer")
WAITS = StorageFault("backlog", "消息在消息服务器积压", "messages wait at the broker")


class Mode(Enum):
    """What is judged in memory: nothing, all that is published, life safety that is published, what the log gets."""

    REST = auto()
    EAR = auto()
    URGENT_EAR = auto()
    FOLLOW = auto()

    @property
    def listens(self) -> bool:
        """Whether by a session of its own."""
        return self in {Mode.EAR, Mode.URGENT_EAR}


class Source(Protocol):
    """The session of the log, as far as the lookout looks at it."""

    def failing(self) -> Failing | None:
        """Since when the sink takes nothing."""
        ...

    def unstored(self) -> list[Chunk]:
        """What was taken and is not durable."""
        ...

    def delay_s(self) -> float:
        """How long messages wait at the broker; 0.0 while that is not known."""
        ...


class StandbyController:
    """One thread. `start` it last and `stop` it first: it leans on everything else and nothing leans on it."""

    def __init__(
        self,
        begin: Callable[[bool], MemoryFlow],
        messenger: MemoryOutbox,
        clock: Clock,
        *,
        channels: Sequence[Channel],
        room: DiskSpace,
        stages: Mapping[str, Callable[[], str]],
        source: Source,
        ears: Mapping[Mode, TransientSession],
        heard: FirstArrivals,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """begin: a new flow, of life safety alone if so; stages: part -> the error that it fails with, or "".

        source: the log's session, or a `DiskProbe` in a process without one; ears: for the ways that listen; heard:
        shared with the log's session.
        """
        self._begin, self._messenger, self._clock, self._channels = begin, messenger, clock, channels
        self._room, self._stages, self._monotonic = room, stages, monotonic
        self._source, self._ears, self._heard = source, ears, heard
        self._watch = SelfMonitor(clock)
        self._broken_s: dict[str, tuple[float, float]] = {}
        self._flow: MemoryFlow | None = None
        self._building: Future[MemoryFlow] | None = None
        self._builder = ThreadPoolExecutor(1, thread_name_prefix="lookout-flow")
        self._way, self._ear = Mode.REST, ears[Mode.EAR]
        self._buffer: deque[tuple[Sequence[Frame], int]] = deque()
        self._buffered = 0
        self._fed = self._mark = 0
        self._slow_s = self._late_s = -CALM_S
        self._ticked_s = self._retry_s = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lookout", daemon=True)
        self._log = structlog.get_logger(part="lookout")
        self.counts = dict.fromkeys(("watches", "messages", "alarms", "errors", "unjudged", "refused"), 0)
        self.version = 0

    def start(self) -> None:
        """Begin to look out."""
        self._thread.start()

    def stop(self) -> None:
        """End; what waits to be sent is the messenger's."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(10)
        self._builder.shutdown(wait=True, cancel_futures=True)

    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def faults(self) -> list[ServiceFault]:
        """Own faults that people were told of and that are not over."""
        return self._watch.faults

    def status(self) -> dict[str, Any]:
        """How it stands, for metrics: whether it judges, whether it hears, the counts, the free share of the disk."""
        return {
            "judging": self._flow is not None,
            "hearing": self._ear.hears,
            "disk_free_share": self._room.share,
            "ear_errors": sum(ear.errors_total for ear in self._ears.values()),
            "unmatched_forgotten": self._heard.forgotten_total,
            **self.counts,
        }

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._turn()
            except Exception:  # noqa: BLE001 - the thread must outlive every error: counted, logged, begun anew
                self.counts["errors"] += 1
                self._log.exception("the lookout failed; it begins anew")
                self._drop_flow()
                self._retry_s = self._monotonic() + RETRY_S
                self._stopping.wait(REST_S)
        self._rest()

    def _turn(self) -> None:
        """One round: look what is broken, tell it, listen, judge."""
        now_s = self._monotonic()
        broken = self._look(now_s)
        self._tell(broken, now_s)
        lasting = {part: span for part, span in self._broken_s.items() if part != DISK}
        way = self._way_now(lasting, now_s)
        if way is not self._way:
            self._rest()
            self._way = way
            self._ear = self._ears.get(way, self._ear)
        if way is Mode.REST:
            self._stopping.wait(REST_S)
            return
        self._listen()
        if self._due(lasting, now_s) and self._ready(now_s):
            self._judge(now_s)

    def _way_now(self, lasting: Collection[str], now_s: float) -> Mode:
        """How to go on: a log that takes nothing comes first, a broker that is slow last."""
        if LOG in lasting:
            return Mode.EAR
        if any(part != BACKLOG for part in lasting):
            return Mode.FOLLOW
        return Mode.URGENT_EAR if now_s - self._slow_s < CALM_S else Mode.REST

    def _due(self, lasting: Mapping[str, tuple[float, float]], now_s: float) -> bool:
        """Whether it is time to judge: what comes late has lasted by that, anything else may be over in a moment."""
        if self._way is Mode.URGENT_EAR:
            return now_s - self._late_s < CALM_S
        return max(seen_s - since_s for since_s, seen_s in lasting.values()) >= GRACE_S

    def _look(self, now_s: float) -> dict[str, StorageFault]:
        """Part -> cause of what is broken at this moment; remembers since when, and forgets it after a calm while.

        Remembers too when messages last came late.
        """
        broken: dict[str, StorageFault] = {}
        failing = self._source.failing()
        if failing is not None:
            broken[LOG] = storage_fault(failing.error) if failing.error is not None else NO_ANSWER
        for part, error in self._stages.items():
            if text := error():
                cause = storage_fault(RuntimeError(text))
                broken[part] = STAGE_FAILED if cause.code == "not_writable" else cause
        if scarce := self._room.look(now_s):
            broken[DISK] = scarce
        delay_s = self._source.delay_s()
        self._slow_s = now_s if delay_s > SOON_S else self._slow_s
        self._late_s = now_s if delay_s > LATE_S else self._late_s
        if delay_s > BACKLOG_S and not broken.keys() - {DISK}:
            broken[BACKLOG] = WAITS
        for part in broken:
            since_s, _ = self._broken_s.get(part, (now_s, now_s))
            self._broken_s[part] = since_s, now_s
        self._broken_s = {part: span for part, span in self._broken_s.items() if now_s - span[1] < CALM_S}
        return broken

    def _tell(self, broken: Mapping[str, StorageFault], now_s: float) -> None:
        """People hear of the foremost part: what lies behind one that takes nothing fails for the same reason."""
        foremost = {part: cause for part, cause in broken.items() if part in {LOG, DISK, BACKLOG}}
        behind = [part for part in self._stages if part in broken]
        if behind and LOG not in broken:
            known = next((part for part in self._stages if self._watch.knows(part)), behind[0])
            foremost[known] = broken[behind[0]]
        for fault in self._watch.see(foremost, now_s, warnings=frozenset((DISK,))):
            self._log.warning("own fault", part=fault.part, cause=fault.cause.code, over=fault.over_ns is not None)
            self._messenger.send(fault_notices(fault, self._channels))
            self.version += 1

    def _listen(self) -> None:
        """Hear what is published while the log takes nothing; at other times the log itself is read."""
        if not self._way.listens:
            self._stopping.wait(REST_S)
            return
        heard_before = self._ear.hears
        frames = self._ear.listen()
        now_ns = self._clock()
        if self._ear.hears and not heard_before:
            chunks = self._source.unstored()
            self._mark = max(self._mark, chunks[-1].number if chunks else 0)
            self._heard.begin(urgent_alone=self._way is Mode.URGENT_EAR)
        fresh = self._heard.hear(frames, now_ns) if frames else []
        if fresh:
            self._buffer.append((fresh, now_ns))
            self._buffered += len(fresh)
        while self._buffered > BUFFERED_MAX:
            self.counts["unjudged"] += self._forget_oldest()
        if self._way is Mode.URGENT_EAR and self._flow is None and self._building is None:
            while self._buffer and now_ns - self._buffer[0][1] > HEARD_NS:
                self._forget_oldest()

    def _forget_oldest(self) -> int:
        gone, _ = self._buffer.popleft()
        self._buffered -= len(gone)
        return len(gone)

    def _ready(self, now_s: float) -> bool:
        """Whether there is a flow; one is made beside, so that listening goes on meanwhile."""
        if self._flow is not None:
            return True
        if self._building is None:
            if now_s < self._retry_s:
                return False
            self._log.warning("alarms go out from memory now", broken=sorted(self._broken_s))
            self.counts["watches"] += 1
            self._fed = 0
            self._building = self._builder.submit(self._begin, self._way is Mode.URGENT_EAR)
        if self._building.done():
            done, self._building = self._building, None
            self._flow = done.result()
        return self._flow is not None

    def _judge(self, now_s: float) -> None:
        """Everything that has come in, in order; then send what pages."""
        flow = self._flow
        if flow is None:
            return
        if self._way.listens:
            self._feed(flow, now_s)
        else:
            flow.read_log()
        notices = flow.drain_notices()
        if notices and (fresh := self._messenger.send(notices)):
            self.counts["alarms"] += fresh
            self.version += 1

    def _feed(self, flow: MemoryFlow, now_s: float) -> None:
        """First what the log's session cannot store and this one has not heard, then what this one has."""
        for chunk in self._source.unstored() if self._way is Mode.EAR else ():
            if chunk.number > self._fed:
                self._fed = chunk.number
                if chunk.number <= self._mark or not chunk.known:
                    self._take(flow, chunk.frames, chunk.arrival_ns)
        while self._buffer:
            frames, arrival_ns = self._buffer.popleft()
            self._buffered -= len(frames)
            self._take(flow, frames, arrival_ns)
        if self._ear.hears and now_s - self._ticked_s >= TICK_S:
            self._ticked_s = now_s
            flow.tick(self._clock())

    def _take(self, flow: MemoryFlow, frames: Sequence[Frame], arrival_ns: int) -> None:
        self.counts["messages"] += len(frames)
        self._ear.want(flow.accept(frames, arrival_ns))

    def _rest(self) -> None:
        """Nothing is broken any more: end the session and forget the flow."""
        if self._way.listens:
            self._ear.close()
            self._heard.end()
            if self._way is Mode.EAR:
                self._log.warning("the log takes readings again; the lookout rests")
        self._way = Mode.REST
        self._buffer.clear()
        self._buffered = self._mark = 0
        self._drop_flow()

    def _drop_flow(self) -> None:
        if self._building is not None:
            building, self._building = self._building, None
            building.add_done_callback(_close)
        if self._flow is not None:
            self.counts["refused"] += self._flow.refused_total
            self._flow.close()
            self._flow = None


def _close(building: Future[MemoryFlow]) -> None:
    """A flow that came too late is let go of."""
    if not building.cancelled() and building.exception() is None:
        building.result().close()
