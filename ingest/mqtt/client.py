"""Subscriber: broker -> frames -> intake -> sink (durable) -> PUBACK, in one thread.

One module because one thread runs all of it: reading, pausing, sealing and acknowledging depend on the same state.
"""

from __future__ import annotations

import logging
import select
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import Any

from ingest.devices.accounting import Waiting
from ingest.frame import Frame
from ingest.intake.intake import Intake
from ingest.intake.spool import Spooled

from .connection import Connection
from .first_arrivals import FirstArrivals
from .pending import Chunk, Failing, Pending, Sink
from .probe import DelayProbe
from .reader import CHUNK_BYTES, ChunkedClient
from .settings import MqttSettings
from .takeover import Takeovers

log = logging.getLogger(__name__)

PAUSE_S = 0.002
"""Pause after a short read: larger chunks cost a tenth of the CPU of immediate reads."""
ALONE_S = 0.02
"""Time since the read before after which a short read has no pause: bytes that come alone form no larger chunk."""
TICK_S = 5.0
BUSY_TICK_S = 0.5
"""Interval between ticks under load: bounds the delay of time-based decisions on urgent readings."""

BEHIND_S = 0.3
"""Delay at the broker above which input exceeds decoding."""
RESUME_EVERY = 8
"""Blocks read from the broker for each spooled block, while the backlog lasts."""

STALLED_S = 10.0
UNREACHABLE_S = 5.0
SLOW_WRITE_S = 1.0
HUNG_S = 0.5
_TURN_MAX_S = 0.1
_RETRY_FIRST_S = 0.05
_RETRY_MAX_S = 2.0
_QUIET_UNACKED, _MANY_UNACKED = 16, 8
"""Messages without acknowledgement that close the batch of a quiet 3.1.1 session, and those that close it at once.

The second is lower than the limit of every common broker (RabbitMQ: 10): none stops until the age of a batch.
"""


class Subscriber:
    """Receives messages from the broker until stopped. No error ends the thread: each is counted and reported.

    A message is acknowledged only after `sink` has returned for its batch: in order of reception, one write for a
    batch, and only on the connection that delivered it. While the sink fails, nothing is acknowledged and at most one
    further batch collects. Reading then pauses, and the connection stays alive.
    """

    def __init__(
        self,
        settings: MqttSettings,
        intake: Intake,
        sink: Sink,
        clock: Callable[[], int],
        *,
        waiting: Callable[[], Sequence[Waiting]] = tuple,
        spooled: Callable[[int], Spooled | None] | None = None,
        first_arrivals: FirstArrivals | None = None,
        watchdog_s: float = 0.0,
        entitled: Callable[[], bool] = lambda: True,
    ) -> None:
        """clock: ns since 1970 UTC. waiting: quarantined input to reprocess. first_arrivals: of both sessions.

        watchdog_s: interval between alarms of the synthetic smoke head, 0 for none.

        spooled: returns the next spooled block after a number; without it, every message is decoded on arrival.

        entitled: whether this process may have the session, which several nodes use in turn; without it, the messages
        wait at the broker.

        Raises ValueError, PlainRefused or SecretUnreadable for unusable settings.
        """
        self._intake = intake
        self._sink = sink
        self._clock = clock
        self._waiting, self._spooled = waiting, spooled
        self._since_resumed = 0
        self._watchdog_s, self._beat_s = watchdog_s, -inf
        self._entitled = entitled
        self._first_arrivals = FirstArrivals() if first_arrivals is None else first_arrivals
        self._connection = Connection(settings, intake.subscriptions)
        self._probe = DelayProbe(self._connection.probe_topic)
        self._probe_id = 0
        self._connection.queued = self._note_queued
        self._allowance = max(1, settings.receive_max // 2)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._unacked: list[int] = []
        self._chunks: list[Chunk] = []
        self._chunks_total = 0
        self._generation = 0
        self._pending: Pending | None = None
        self._tick_s = -TICK_S
        self._ticked_received = 0
        self._turned_s = self._answered_s = self._read_s = time.monotonic()
        self._last_message_ns = 0
        self.slow_write = (0.0, 0.0)
        """Monotonic end and duration in s of the last call of the sink over SLOW_WRITE_S."""
        self._last_error = ""
        self._counts = dict.fromkeys(
            ("received", "bytes", "acknowledged", "acks_dropped", "batches", "sink_failures", "errors"), 0
        )

    def start(self) -> None:
        """Start the thread unless it was started; return immediately, with or without a broker."""
        if self._thread is not None:
            return
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    def stop(self, *, timeout_s: float = 15.0) -> None:
        """Store and acknowledge the open batch if the sink accepts it, disconnect, end the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def status(self) -> dict[str, Any]:
        """Return the status; thread-safe. `healthy` is false when anything keeps messages from the log."""
        alive = self._thread is not None and self._thread.is_alive()
        stalled = time.monotonic() - self._turned_s > STALLED_S
        pending = self._pending
        blocked = pending is not None and pending.wait_s > 0
        return {
            "healthy": alive and not stalled and not blocked and self._reachable(),
            "alive": alive,
            "connected": self._connection.connected,
            "protocol": self._connection.protocol,
            "connects_total": self._connection.connects_total,
            "last_message_ns": self._last_message_ns,
            "unacked": len(self._unacked) + (len(pending.packet_ids) if pending else 0),
            "sink_blocked": blocked,
            "delay_s": self.delay_s(),
            "last_error": self._last_error or self._connection.last_error,
            "bounds_acted": self._intake.bounds_acted,
            **{name if name == "errors" else f"{name}_total": count for name, count in self._counts.items()},
        }

    def _reachable(self) -> bool:
        return self._connection.connected and self.unreachable_s() < UNREACHABLE_S

    def subscriptions(self) -> list[str]:
        """Return the topic filters of this session at the broker."""
        return self._connection.subscriptions

    def delay_s(self) -> float:
        """Return the minimum delay of messages at the broker; 0.0 while it is unknown."""
        return self._probe.delay_s(time.monotonic()) if self._connection.connected else 0.0

    def unreachable_s(self) -> float:
        """Return the time without a byte from the broker, lost or frozen; 0.0 while nothing is due from it."""
        now_s = time.monotonic()
        silent_s = now_s - self._answered_s
        return min(silent_s, self._probe.age_s(now_s)) if self._connection.connected else silent_s

    @property
    def takeovers(self) -> Takeovers:
        """Takeovers of the session by other clients."""
        return self._connection.takeovers

    @property
    def received_total(self) -> int:
        """Messages received from the broker."""
        return self._counts["received"]

    def failing(self, *, hung_s: float = HUNG_S) -> Failing | None:
        """Return the failure of a sink that rejects, or has not returned for `hung_s`; None while it works."""
        pending = self._pending
        if pending is None or not pending.since_s:
            return None
        refused = pending.error is not None or time.monotonic() - pending.since_s > hung_s
        return Failing(pending.since_s, pending.error) if refused else None

    def unstored(self) -> list[Chunk]:
        """Return the received messages that are not yet durable, in order: those of the pending and the open batch."""
        pending, opened = self._pending, list(self._chunks)
        return [*(pending.chunks if pending is not None else ()), *opened]

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._turn()
            except Exception as error:  # the thread survives every error: counted, logged, part of status
                self._counts["errors"] += 1
                self._last_error = f"{type(error).__name__}: {error}"
                log.exception("reading from the broker failed; reconnecting")
                self._connection.drop(self._last_error)
                self._stop.wait(_RETRY_FIRST_S)
        try:
            self._finish()
        except Exception:  # as above: the broker redelivers unacknowledged messages
            log.exception("the last batch could not be stored")

    def _turn(self) -> None:
        """Run one round, with or without a connection."""
        self._turned_s = time.monotonic()
        if not self._entitled():
            self._answered_s = self._turned_s
            if self._connection.is_open:
                self._connection.drop("another node may have the session")
        elif self._connection.keep(self._turned_s):
            self._receive()
            return
        self._store()
        self._stop.wait(min(_TURN_MAX_S, self._patience_s()))

    def _receive(self) -> None:
        """Read the available input, then store and acknowledge the due batches."""
        quiet = not self._await() or self._read() == 0
        self._resume(quiet=quiet)
        self._tick()
        self._keep_probing()
        self._beat()
        self._store(quiet=quiet)
        self._maintain()

    def _await(self) -> bool:
        """Wait for a readable socket, at most until the open batch is due; return True when it is readable."""
        client = self._connection.client
        socket = client.socket() if client is not None else None
        if client is None or socket is None:
            return False
        if self._blocked or self._intake.spool.full:
            self._stop.wait(self._rest_s())
            client.excuse_silence()
            self._answered_s = self._turned_s
            return False
        if hasattr(socket, "pending") and socket.pending():
            return True
        poll = select.poll()
        poll.register(socket.fileno(), select.POLLIN | (select.POLLOUT if client.want_write() else 0))
        events = poll.poll(self._rest_s() * 1000)
        return any(event & ~select.POLLOUT for _, event in events)

    def _read(self) -> int:
        """Read one chunk and return its size in bytes; pause after a short one."""
        client = self._connection.client
        if client is None:
            return 0
        received, size_bytes = client.receive()
        self._answered_s = self._turned_s if size_bytes else self._answered_s
        if received:
            now_ns = self._clock()
            if client.generation != self._generation:
                self._generation, self._unacked = client.generation, []
            frames = self._probe.sift(received, time.monotonic())
            self._take(frames, now_ns, size_bytes)
            self._answer(client)
            self._note([frame[1] for frame in received if frame[1]], alone=not frames)
            self._last_message_ns = now_ns
            self._counts["received"] += len(frames)
            self._counts["bytes"] += size_bytes
        before_s, self._read_s = self._read_s, time.monotonic()
        alone = self._read_s - before_s > ALONE_S
        short = size_bytes < CHUNK_BYTES and not alone
        if short and len(self._unacked) < self._allowance and not self._intake.spool.waiting:
            time.sleep(PAUSE_S)
        return size_bytes

    def _take(self, frames: Sequence[Frame], now_ns: int, size_bytes: int) -> None:
        """Add the messages to the open batch, each with its first arrival time."""
        runs = self._first_arrivals.accept(frames, now_ns)
        for run in runs:
            size = size_bytes if len(runs) == 1 else None
            self._intake.accept(run.frames, run.arrival_ns, size_bytes=size, behind=self._behind)
            self._chunks_total += 1
            self._chunks.append(Chunk(self._chunks_total, *run))

    def _answer(self, client: ChunkedClient) -> None:
        """Send the requests and subscriptions that decoded messages produced."""
        outgoing = self._intake.drain_outgoing()
        self._connection.subscribe(outgoing.subscriptions)
        for request in outgoing.requests:
            client.publish(request.topic, request.payload, qos=0)

    def _note(self, packet_ids: list[int], *, alone: bool) -> None:
        """Acknowledge these with the open batch; immediately for own messages while no batch is open."""
        if alone and not self._unacked and self._pending is None:
            self._acknowledge(Pending(None, packet_ids, self._generation, []))
        else:
            self._unacked += packet_ids
            if len(self._unacked) >= _MANY_UNACKED:
                self._intake.hurry()

    @property
    def _behind(self) -> bool:
        """Return whether input exceeds decoding and a spool is available."""
        return self._spooled is not None and self._probe.delay_s(self._turned_s) > BEHIND_S

    def _resume(self, *, quiet: bool) -> None:
        """Accept a spooled block of the log: always when idle, and at intervals under load."""
        spool = self._intake.spool
        self._since_resumed += 1
        hurried = not quiet and self._behind and self._since_resumed < RESUME_EVERY and not spool.full
        blocked = self._pending is not None or self._intake.full
        if self._spooled is None or not spool.waiting or hurried or blocked:
            return
        block = self._spooled(spool.taken_id)
        if block is not None:
            self._since_resumed = 0
            self._intake.resume(block, self._clock())
        elif quiet:
            time.sleep(PAUSE_S)  # the spooled block is not durable yet

    @property
    def _blocked(self) -> bool:
        """Return whether one batch is pending at the sink and the next one is full."""
        return self._pending is not None and (self._intake.full or len(self._unacked) >= self._allowance)

    def _rest_s(self) -> float:
        """Return the wait for bytes; 0 while the spool has input."""
        if self._pending is None and self._intake.spool.waiting:
            return 0.0
        return min(_TURN_MAX_S, self._patience_s())

    def _patience_s(self) -> float:
        """Return the time until the open or the pending batch is due."""
        if self._pending is not None:
            return max(0.0, self._pending.retry_s - time.monotonic())
        wait_s = self._intake.wait_s(self._clock())
        return _TURN_MAX_S if wait_s is None else wait_s

    def _tick(self) -> None:
        every_s = BUSY_TICK_S if self._counts["received"] > self._ticked_received else TICK_S
        if self._connection.connected and self._turned_s - self._tick_s >= every_s and not self._blocked:
            self._tick_s, self._ticked_received = self._turned_s, self._counts["received"]
            self._intake.tick(self._clock())
            if self._pending is None:
                self._intake.replay(self._waiting())

    def _beat(self) -> None:
        """Write an alarm of the synthetic smoke head when due, if the broker has just returned a probe."""
        due = self._watchdog_s and self._turned_s - self._beat_s >= self._watchdog_s and not self._blocked
        if due and self._connection.connected and self._probe.returned_within(TICK_S, time.monotonic()):
            self._beat_s = self._turned_s
            self._intake.beat(self._clock())

    def _keep_probing(self) -> None:
        client = self._connection.client
        if client is not None and self._connection.connected and self._spooled is not None:
            self._probe.keep(time.monotonic(), partial(self._send_probe, client), generation=client.generation)

    def _send_probe(self, client: ChunkedClient, topic: str, payload: bytes) -> None:
        self._probe_id = client.publish(topic, payload, qos=1).mid

    def _note_queued(self, packet_id: int) -> None:
        if packet_id == self._probe_id:
            self._probe.queued()

    def _store(self, *, quiet: bool = False) -> None:
        """Seal if a bound is reached, make durable, acknowledge."""
        now_ns = self._clock()
        if self._pending is None:
            # a 3.1.1 broker may stop at 20 unacknowledged messages: acknowledge before the timer
            stuck = quiet and self._connection.protocol != "5" and len(self._unacked) >= _QUIET_UNACKED
            if stuck or len(self._unacked) >= self._allowance or self._intake.due(now_ns):
                self._seal(now_ns)
        if self._pending is not None and time.monotonic() >= self._pending.retry_s:
            self._deliver(self._pending)

    def _seal(self, now_ns: int | None) -> None:
        sealed = self._intake.seal(now_ns)
        self._pending = Pending(sealed, self._unacked, self._generation, self._chunks)
        self._unacked, self._chunks = [], []

    def _deliver(self, pending: Pending) -> None:
        """Pass the batch to the sink; on any error keep it for a retry and acknowledge nothing."""
        begun_s = time.monotonic()
        pending.since_s = pending.since_s or begun_s
        try:
            if pending.sealed is not None:
                self._sink(pending.sealed)
            self._note_duration(begun_s)
        except Exception as error:  # noqa: BLE001 - for any error of the sink, an unstored batch is never acknowledged
            self._counts["sink_failures"] += 1
            if not pending.wait_s:
                log.error("the log rejects readings: %s; nothing is acknowledged, retrying", error)  # noqa: TRY400 - one clear line
            self._last_error = f"log: {type(error).__name__}: {error}"
            pending.error = error
            pending.wait_s = min(max(_RETRY_FIRST_S, pending.wait_s * 2), _RETRY_MAX_S)
            pending.retry_s = time.monotonic() + pending.wait_s
            return
        if pending.wait_s:
            log.warning("the log accepts readings again")
        self._last_error = ""
        self._pending = None
        self._counts["batches"] += 1
        self._acknowledge(pending)

    def _note_duration(self, begun_s: float) -> None:
        ended_s = time.monotonic()
        if ended_s - begun_s > SLOW_WRITE_S:
            self.slow_write = ended_s, ended_s - begun_s

    def _acknowledge(self, pending: Pending) -> None:
        client = self._connection.client
        if client is not None and client.acknowledge(pending.packet_ids, generation=pending.generation):
            self._counts["acknowledged"] += len(pending.packet_ids)
        else:
            self._counts["acks_dropped"] += len(
                pending.packet_ids
            )  # the broker redelivers them; they count as duplicates

    def _maintain(self) -> None:
        client = self._connection.client
        if client is not None and client.socket() is not None:
            if client.want_write():
                client.loop_write()
            client.loop_misc()

    def _finish(self) -> None:
        """Store the pending batch, then the open one, then disconnect."""
        if self._pending is not None:
            self._deliver(self._pending)
        if self._pending is None:
            self._seal(None)
        if self._pending is not None:
            self._deliver(self._pending)
        self._connection.close()
