"""Degraded mode: pages from memory while the log or a later stage cannot write.

The controller is idle while everything works. When the log rejects a batch, it subscribes by a session of its own
(`Receiver`). After a fault of one second, it builds a flow in memory (`MemoryFlow`) and sends the pages
(`MemoryOutbox`) under the ids that the stored notices will have. It stores nothing and acknowledges nothing. The
broker keeps every message for the log, which receives, scores and stores all of them later.

The same mode covers a backlog at the broker, for life-safety messages only: messages published now are received and
scored ahead of the backlog.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import structlog

from alerts import MemoryOutbox, ServiceFault
from twinward.clock import Clock

from .faults import FaultDetector, Faults
from .memory_flow import MemoryFlow
from .mode import Mode, choose_mode, is_due
from .receiver import Receiver
from .self_monitor import DiskSpace, FaultReporter

PAUSE_S = 0.05
TICK_S = 5.0
RETRY_S = 5.0


class StandbyController:
    """One thread. `start` it last and `stop` it first: it uses every other part, and no part uses it."""

    def __init__(
        self,
        build: Callable[[bool], MemoryFlow],
        outbox: MemoryOutbox,
        clock: Clock,
        *,
        detector: FaultDetector,
        reporter: FaultReporter,
        receiver: Receiver,
        space: DiskSpace,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """build: returns a new flow, of life-safety messages alone if its argument is true; space: for `status`."""
        self._build, self._outbox, self._clock, self._monotonic = build, outbox, clock, monotonic
        self._detector, self._reporter, self._receiver, self._space = detector, reporter, receiver, space
        self._mode = Mode.IDLE
        self._flow: MemoryFlow | None = None
        self._building: Future[MemoryFlow] | None = None
        self._builder = ThreadPoolExecutor(1, thread_name_prefix="standby-flow")
        self._ticked_s = self._retry_s = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="standby", daemon=True)
        self._log = structlog.get_logger(part="standby")
        self.counts = dict.fromkeys(("watches", "messages", "alarms", "errors", "unscored", "refused"), 0)
        self.version = 0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; notices that wait in the outbox stay there."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(10)
        self._builder.shutdown(wait=True, cancel_futures=True)

    def alive(self) -> bool:
        """Return whether the thread runs."""
        return self._thread.is_alive()

    @property
    def faults(self) -> list[ServiceFault]:
        """Faults of the service that people were notified of and that last."""
        return self._reporter.faults

    def status(self) -> dict[str, Any]:
        """Return the state for metrics: whether it scores and receives, the counts, the free share of the disk."""
        return {
            "scoring": self._flow is not None,
            "receiving": self._receiver.connected,
            "disk_free_share": self._space.share,
            "session_errors": self._receiver.errors_total,
            "unmatched_forgotten": self._receiver.forgotten_total,
            **self.counts,
        }

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._turn()
            except Exception:  # noqa: BLE001 - the thread must outlive every error: counted, logged, started again
                self.counts["errors"] += 1
                self._log.exception("degraded mode failed; starts again")
                self._drop_flow()
                self._retry_s = self._monotonic() + RETRY_S
                self._stopping.wait(PAUSE_S)
        self._switch(Mode.IDLE)

    def _turn(self) -> None:
        """Detect faults, report them, switch the mode, receive, score."""
        now_s = self._monotonic()
        faults = self._detector.look(now_s)
        self.version += self._reporter.report(faults.causes, now_s)
        mode = choose_mode(faults)
        if mode is not self._mode:
            self._switch(mode)
        if not mode.receives:
            self._stopping.wait(PAUSE_S)
        else:
            keep = mode is Mode.RECEIVE_ALL or self._flow is not None or self._building is not None
            self.counts["unscored"] += self._receiver.receive(keep=keep)
        if mode.receives and self._receiver.replaced:
            self._drop_flow()
        elif mode is not Mode.IDLE and is_due(mode, faults):
            flow = self._ready_flow(faults, now_s)
            if flow is not None:
                self._score(flow, now_s)

    def _switch(self, mode: Mode) -> None:
        """Leave the present mode with its session and flow, and enter another one."""
        if self._mode.receives:
            self._receiver.stop()
            if self._mode is Mode.RECEIVE_ALL:
                self._log.warning("the log accepts readings again; degraded mode ends")
        self._drop_flow()
        self._mode = mode
        if mode.receives:
            self._receiver.start(urgent_alone=mode is Mode.RECEIVE_URGENT)

    def _ready_flow(self, faults: Faults, now_s: float) -> MemoryFlow | None:
        """Return the flow, None while it is built. A thread builds it, so that this one receives meanwhile."""
        if self._flow is not None:
            return self._flow
        if self._building is None:
            if now_s < self._retry_s:
                return None
            self._log.warning("pages go out from memory", mode=self._mode.name.lower(), faults=sorted(faults.lasting_s))
            self.counts["watches"] += 1
            self._receiver.restart()
            self._building = self._builder.submit(self._build, self._mode is Mode.RECEIVE_URGENT)
        if self._building.done():
            done, self._building = self._building, None
            self._flow = done.result()
        return self._flow

    def _score(self, flow: MemoryFlow, now_s: float) -> None:
        """Score the input in order, then send the pages."""
        if self._mode.receives:
            for frames, arrival_ns in self._receiver.drain():
                self.counts["messages"] += len(frames)
                self._receiver.subscribe(flow.accept(frames, arrival_ns))
            if self._receiver.connected and now_s - self._ticked_s >= TICK_S:
                self._ticked_s = now_s
                flow.tick(self._clock())
        else:
            flow.read_log()
        notices = flow.drain_notices()
        if notices and (fresh := self._outbox.send(notices)):
            self.counts["alarms"] += fresh
            self.version += 1

    def _drop_flow(self) -> None:
        if self._building is not None:
            building, self._building = self._building, None
            building.add_done_callback(_close)
        if self._flow is not None:
            self.counts["refused"] += self._flow.refused_total
            self._flow.close()
            self._flow = None


def _close(building: Future[MemoryFlow]) -> None:
    """Close a flow that was built after its mode ended."""
    if not building.cancelled() and building.exception() is None:
        building.result().close()
