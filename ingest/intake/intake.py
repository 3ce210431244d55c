"""Intake: messages to sealed batches, with duplicate detection, validation and accounts.

One thread calls `accept` with messages, `due` to ask whether a bound is reached, and `seal` to close the batch. The
result of `seal` must be durable before any of its messages is acknowledged. No input raises an exception.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from datetime import UTC, tzinfo

import numpy as np
from numpy.typing import NDArray

from ingest.catalog import SERVICE_SITE, STATE, Catalog
from ingest.decode.contract import Decoder, Outgoing
from ingest.decode.native import ROOT
from ingest.decode.times import local_zone
from ingest.devices.accounting import Accounts, Counts, QuarantineChanges, Source, Waiting
from ingest.devices.clocks import MEMORY as CLOCK_MEMORY
from ingest.devices.clocks import Clocks
from ingest.devices.ledger import Ledger
from ingest.frame import AGAIN, Frame
from ingest.priority import Urgency
from ingest.sealed import Fact, Sealed
from ingest.vocabulary import METRIC_BY_NAME

from .batch import BatchSettings, Bounds, OpenBatch
from .doubts import MEMORY as RIGHT_MEMORY
from .doubts import Doubts
from .duplicates import Duplicates
from .labels import Labels
from .memory import Memory
from .replay import Replays
from .seal import Sources, settle
from .settings import IntakeSettings
from .slow_path import SlowPath
from .spool import Spool, Spooled
from .validate import DAY_NS, REFUSED_AHEAD_NS
from .values import ValueChecks

_BACKLOG = METRIC_BY_NAME["backlog"].code
_NOTHING: Frame = (0, 0, b"", b"")


class Intake:
    """Entry point for messages of every transport. Not thread-safe: one thread owns it."""

    def __init__(
        self,
        catalog: Catalog,
        decoders: Sequence[Decoder] = (),
        *,
        settings: IntakeSettings | None = None,
        batch: BatchSettings | None = None,
        recent_keys: Sequence[int] | NDArray[np.int64] = (),
        memory: Sequence[tuple[str, str, bytes]] = (),
        spooled: int = 0,
        ledger: Ledger | None = None,
        zone: tzinfo = UTC,
        card_key: bytes | None = None,
    ) -> None:
        """decoders: of the foreign formats, in order of precedence. zone: of local times on the wire.

        card_key: of the pseudonyms of cards, at most 64 bytes; None: a new one in memory.

        recent_keys, memory, spooled (number of blocks), ledger: stored state of the log.
        """
        self._settings = settings or IntakeSettings()
        self._catalog = catalog
        self._ledger = Ledger() if ledger is None else ledger
        self._duplicates = Duplicates(keys_max=self._settings.keys_max, recent=recent_keys)
        self._accounts = Accounts(self._ledger)
        self._sources = Sources()
        self._urgency = Urgency(catalog)
        self.spool = Spool(spooled, bytes_max=self._settings.spool_mb * 1_000_000)
        self._behind = spooled > 0
        self._clocks = Clocks((key, value) for name, key, value in memory if name == CLOCK_MEMORY)
        self._doubts = Doubts((key, value) for name, key, value in memory if name == RIGHT_MEMORY)
        self._zone = zone
        self._slow = SlowPath(
            catalog,
            decoders,
            settings=self._settings,
            accounts=self._accounts,
            sources=self._sources,
            clocks=self._clocks,
            duplicates=self._duplicates,
            ledger=self._ledger,
            memory=memory,
            labels=Labels(card_key),
        )
        self._values = ValueChecks(catalog)
        self._bounds = Bounds(batch or BatchSettings())
        self._seen_items = 0
        self._catalog_version = catalog.version
        self._past_ns = self._settings.past_days * DAY_NS
        self._replays = Replays(self._accounts, self._duplicates)
        self.messages_total = 0

    @property
    def subscriptions(self) -> list[str]:
        """Topic filters of all formats, without repetition."""
        decoders = self._slow.decoders
        return list(dict.fromkeys(filter_ for decoder in decoders for filter_ in decoder.subscriptions))

    @property
    def bounds_acted(self) -> dict[str, int]:
        """Number of batches that each bound closed."""
        return dict(self._bounds.acted)

    @property
    def internal_total(self) -> int:
        """Number of messages rejected because of a programming error."""
        return self._slow.internal_total

    @property
    def unsampled_total(self) -> int:
        """Number of rejected readings without a sample in the quarantine."""
        return self._accounts.unsampled_total

    @property
    def full(self) -> bool:
        """Whether the caller must seal before further messages."""
        return self._bounds.full(len(self._slow.batch))

    def accept(
        self, frames: Sequence[Frame], now_ns: int, *, size_bytes: int | None = None, behind: bool = False
    ) -> None:
        """Accept messages in order of arrival; size_bytes: total payload size, computed when None.

        behind: input exceeds decoding. Messages that are not urgent then go to the spool, until the spool is empty.
        """
        if not frames:
            return
        if size_bytes is None:
            size_bytes = sum(len(frame[3]) for frame in frames)
        self.messages_total += len(frames)
        self._bounds.grow(size_bytes, now_ns)
        if behind or self.spool.waiting:
            frames = self.spool.divert(frames, now_ns, self._may_wait)
        self._decode(frames, now_ns)

    def resume(self, block: Spooled, now_ns: int) -> None:
        """Decode a spooled block with its arrival time. The next batch removes the block from the log."""
        try:
            frames = self.spool.unpack(block)
        except ValueError as error:  # a damaged block must not stop the others
            self._slow.internal_total += 1
            self._slow.refuse(Source(self._settings.site, ""), _NOTHING, "internal", f"spool: {error}")
            frames = []
        self._decode(frames, block.arrival_ns)
        self._bounds.grow(len(block.packed), now_ns)

    def _may_wait(self, topic: bytes) -> bool:
        """Return whether a topic is a known comfort topic of the native format."""
        route = self._slow.columns.routes.get(topic)
        return route is not None and not self._urgency.of_sensor(route.sensor)

    def _arrive(self, now_ns: int) -> SlowPath:
        """Set the arrival time of the messages accepted from here on."""
        self._slow.batch.arrive(now_ns)
        self._slow.span = now_ns - self._past_ns, now_ns, now_ns + REFUSED_AHEAD_NS
        self._slow.endings.write(self._slow.batch, now_ns)
        return self._slow

    def _decode(self, frames: Sequence[Frame], now_ns: int) -> None:
        if not frames:
            return
        slow = self._arrive(now_ns)
        collecting = gc.isenabled()
        gc.disable()  # thousands of short-lived objects without cycles: collecting costs a tenth of the time
        try:
            with local_zone(self._zone):
                slow.columns.accept(
                    frames, slow.batch, self._duplicates, span=slow.span, slow=slow.accept, resolve=slow.resolve
                )
        finally:
            if collecting:
                gc.enable()
        self._duplicates.turn()
        self._hurry_urgent()

    def _hurry_urgent(self) -> None:
        """Close the batch at once if one of its new readings is urgent."""
        batch, seen = self._slow.batch, self._seen_items
        self._seen_items = batch.items
        if not self._bounds.hurried and seen < batch.items:
            self._bounds.hurried = bool(self._urgency.of_sensors(np.asarray(batch.sensor[seen:], np.int32)).any())

    def hurry(self) -> None:
        """Close the batch at once: many messages wait for their acknowledgement."""
        self._bounds.hurried = True

    def replay(self, messages: Sequence[Waiting]) -> None:
        """Reprocess quarantined messages with their original arrival times."""
        for message in messages:
            if self._replays.begin(message):
                with local_zone(self._zone):
                    self._arrive(message.arrival_ns).accept((AGAIN, 0, message.topic.encode(), message.payload))
            self._bounds.grow(len(message.payload), message.arrival_ns)
        self._hurry_urgent()

    def tick(self, now_ns: int) -> None:
        """Write the tick of the service, which advances event time while every sensor is offline."""
        batch = self._arrive(now_ns).batch
        self._slow.self_readings.write(batch, now_ns)
        if self.spool.waiting or self._behind:
            self._behind = bool(self.spool.waiting)
            waited_s = max(0.0, (now_ns - self.spool.oldest_ns) / 1e9) if self._behind else 0.0
            clock = self._catalog.code(SERVICE_SITE, "clock", "device")
            batch.put(clock, _BACKLOG, waited_s, time_ns=now_ns, source=Sources.SERVICE)
        self._bounds.grow(0, now_ns)
        self._hurry_urgent()

    def beat(self, now_ns: int) -> None:
        """Write an alarm of the synthetic smoke head, which the service follows to its channels."""
        self._slow.self_readings.write_watchdog(self._arrive(now_ns).batch, now_ns)
        self._bounds.grow(0, now_ns)
        self._hurry_urgent()

    def due(self, now_ns: int) -> bool:
        """Return whether a bound is reached."""
        return bool(self._bounds.reached(len(self._slow.batch), now_ns))

    def wait_s(self, now_ns: int) -> float | None:
        """Return the seconds until the open batch is due by age; None for an empty one."""
        return self._bounds.wait_s(len(self._slow.batch), now_ns)

    def drain_outgoing(self) -> Outgoing:
        """Return the requests and subscriptions of the decoders since the last call."""
        outgoing, self._slow.outgoing = self._slow.outgoing, Outgoing()
        return outgoing

    def seal(self, now_ns: int | None = None) -> Sealed | None:
        """Close the batch. Return it with its durable facts, or None when there is nothing to store."""
        batch, self._slow.batch, self._seen_items = self._slow.batch, OpenBatch(), 0
        bound = "asked" if now_ns is None else self._bounds.reached(len(batch), now_ns) or "asked"
        keys = self._duplicates.drain()
        self._slow.self_readings.count(batch)
        kept = settle(batch, self._sources, self._accounts, self._clocks, self._doubts, past_ns=self._past_ns)
        kept = self._values.apply(kept)
        facts = [fact for fact in (keys, *self._drain_facts()) if fact]
        if not (len(kept) or facts):
            return None
        self._bounds.restart(bound, now_ns)
        facts.append(self._catalog.drain_changes())
        return Sealed(kept, facts, self._urgency.of_sensors(kept.sensor))

    def _drain_facts(self) -> Iterator[Fact]:
        """Yield the facts of every part that are not yet durable. A new fact gets its line here."""
        clocks = self._clocks.drain_memory()
        counts, rejected = self._accounts.drain()
        yield Counts(counts)
        fixed = [self._topic(int(key)) for key, value in clocks.items() if value is not None]
        yield QuarantineChanges(rejected, self._replays.drain(), fixed)
        memory, self._slow.memory = self._slow.memory, {}
        if self._catalog.version != self._catalog_version:
            self._catalog_version = self._catalog.version
            memory[STATE] = b"%d %d" % (self._catalog.renamed, self._catalog_version)
        yield Memory(
            {
                **memory,
                **{(CLOCK_MEMORY, key): value for key, value in clocks.items()},
                **{(RIGHT_MEMORY, key): value for key, value in self._doubts.drain_memory().items()},
                **self._slow.retained.drain_memory(),
                **self._slow.endings.drain_memory(),
            }
        )
        yield self.spool.drain()
        delta = self._ledger.drain()
        if delta is not None:
            yield delta

    def _topic(self, code: int) -> str:
        sensor = self._catalog[code]
        return f"{ROOT}/{sensor.site}/{sensor.kind}/{sensor.id}"
