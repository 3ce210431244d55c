"""From messages to sealed batches: decoded, checked, free of repeats, every reading accounted for.

One thread calls `accept` with what came in, `due` to learn whether the batch has to be closed, and `seal` to close it.
What `seal` gives must be durable before any message of it is acknowledged. Nothing here raises on foreign input.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ingest.catalog import SERVICE_SITE, Catalog
from ingest.decode.contract import Decoder, Outgoing
from ingest.decode.native import ROOT
from ingest.devices.accounting import Accounts, Counts, QuarantineChanges, Source, Waiting
from ingest.devices.clocks import MEMORY as CLOCK_MEMORY
from ingest.devices.clocks import Clocks
from ingest.devices.ledger import Ledger
from ingest.frame import AGAIN, Frame
from ingest.priority import Urgency
from ingest.sealed import Fact, Sealed
from ingest.vocabulary import METRIC_BY_NAME

from .batch import BatchSettings, Bounds, OpenBatch
from .duplicates import Duplicates
from .memory import Memory
from .replay import Replays
from .seal import Sources, settle
from .settings import IntakeSettings
from .slow_path import SlowPath
from .spool import Spool, Spooled
from .validate import DAY_NS, REFUSED_AHEAD_NS

_BACKLOG = METRIC_BY_NAME["backlog"].code
_NOTHING: Frame = (0, 0, b"", b"")


class Intake:
    """The one door for messages, whatever brought them. Not thread-safe: one thread owns it."""

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
    ) -> None:
        """decoders: of the foreign formats, in the order in which they are asked.

        recent_keys, memory, spooled (how many blocks wait), ledger: what the log holds.
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
        self._careful = SlowPath(
            catalog,
            decoders,
            settings=self._settings,
            accounts=self._accounts,
            sources=self._sources,
            clocks=self._clocks,
            duplicates=self._duplicates,
            ledger=self._ledger,
            memory=memory,
        )
        self._bounds = Bounds(batch or BatchSettings())
        self._past_ns = self._settings.past_days * DAY_NS
        self._replays = Replays(self._accounts, self._duplicates)
        self.messages_total = 0

    @property
    def subscriptions(self) -> list[str]:
        """Topic filters of every format, each once."""
        decoders = self._careful.decoders
        return list(dict.fromkeys(filter_ for decoder in decoders for filter_ in decoder.subscriptions))

    @property
    def bounds_acted(self) -> dict[str, int]:
        """How often each bound closed a batch."""
        return dict(self._bounds.acted)

    @property
    def internal_total(self) -> int:
        """Messages that were lost to a programming error, each counted as refused."""
        return self._careful.internal_total

    @property
    def unsampled_total(self) -> int:
        """Refused readings of which no sample was kept."""
        return self._accounts.unsampled_total

    @property
    def full(self) -> bool:
        """True when nothing more should be taken before the next seal."""
        return self._bounds.full(len(self._careful.batch))

    def accept(
        self, frames: Sequence[Frame], now_ns: int, *, size_bytes: int | None = None, behind: bool = False
    ) -> None:
        """Take messages in the order in which they came; size_bytes: of all of them, if the caller knows it.

        behind: more comes than can be decoded. What is not urgent then goes to the spool, and goes there until the
        spool is empty.
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
        """Take in messages that waited, as they came then. The block is forgotten with the batch that holds them."""
        try:
            frames = self.spool.unpack(block)
        except ValueError as error:  # what the disk has spoilt must not hold up the rest
            self._careful.internal_total += 1
            self._careful.refuse(Source(self._settings.site, ""), _NOTHING, "internal", f"spool: {error}")
            frames = []
        self._decode(frames, block.arrival_ns)
        self._bounds.grow(len(block.packed), now_ns)

    def _may_wait(self, topic: bytes) -> bool:
        """Whether a message is plainly a comfort reading of the native format: known, and no matter of life safety."""
        route = self._careful.columns.routes.get(topic)
        return route is not None and not self._urgency.of_sensor(route.sensor)

    def _arrive(self, now_ns: int) -> SlowPath:
        """What is taken from here on arrived at now_ns."""
        self._careful.batch.arrive(now_ns)
        self._careful.span = now_ns - self._past_ns, now_ns, now_ns + REFUSED_AHEAD_NS
        return self._careful

    def _decode(self, frames: Sequence[Frame], now_ns: int) -> None:
        if not frames:
            return
        careful = self._arrive(now_ns)
        collecting = gc.isenabled()
        gc.disable()  # thousands of short-lived objects, none in a cycle: a tenth of the time went into looking
        try:
            careful.columns.accept(
                frames, careful.batch, self._duplicates, span=careful.span, careful=careful.accept, meet=careful.meet
            )
        finally:
            if collecting:
                gc.enable()
        self._duplicates.turn()

    def replay(self, messages: Sequence[Waiting]) -> None:
        """Take refused messages in again, each as if it came when it did."""
        for message in messages:
            if self._replays.begin(message):
                self._arrive(message.arrival_ns).accept((AGAIN, 0, message.topic.encode(), message.payload))
            self._bounds.grow(len(message.payload), message.arrival_ns)

    def tick(self, now_ns: int) -> None:
        """Write the service's own clock reading, so that event time goes on while every sensor is silent."""
        batch = self._arrive(now_ns).batch
        self._careful.voice.speak(batch, now_ns)
        if self.spool.waiting or self._behind:
            self._behind = bool(self.spool.waiting)
            waited_s = max(0.0, (now_ns - self.spool.oldest_ns) / 1e9) if self._behind else 0.0
            clock = self._catalog.code(SERVICE_SITE, "clock", "device")
            batch.put(clock, _BACKLOG, waited_s, time_ns=now_ns, source=Sources.SERVICE)
        self._bounds.grow(0, now_ns)

    def due(self, now_ns: int) -> bool:
        """Whether a bound has been reached."""
        return bool(self._bounds.reached(len(self._careful.batch), now_ns))

    def wait_s(self, now_ns: int) -> float | None:
        """Seconds until the open batch is due by age; None while nothing is open."""
        return self._bounds.wait_s(now_ns)

    def drain_outgoing(self) -> Outgoing:
        """What the formats want of the broker since the last call."""
        outgoing, self._careful.outgoing = self._careful.outgoing, Outgoing()
        return outgoing

    def seal(self, now_ns: int | None = None) -> Sealed | None:
        """Close the batch. Return it with its durable facts, or None when there is nothing to store."""
        batch, self._careful.batch = self._careful.batch, OpenBatch()
        bound = "asked" if now_ns is None else self._bounds.reached(len(batch), now_ns) or "asked"
        keys = self._duplicates.drain()
        self._careful.voice.count(batch)
        kept = settle(batch, self._sources, self._accounts, self._clocks, past_ns=self._past_ns)
        facts = [fact for fact in (keys, *self._drain_facts()) if fact]
        if not (len(kept) or facts):
            return None
        self._bounds.restart(bound)
        facts.append(self._catalog.drain_changes())
        return Sealed(kept, facts, self._urgency.of_sensors(kept.sensor))

    def _drain_facts(self) -> Iterator[Fact]:
        """Yield the facts of every part that are not yet durable. A new fact gets its line here."""
        clocks = self._clocks.drain_memory()
        counts, rejected = self._accounts.drain()
        yield Counts(counts)
        fixed = [self._topic(int(key)) for key, value in clocks.items() if value is not None]
        yield QuarantineChanges(rejected, self._replays.drain(), fixed)
        memory, self._careful.memory = self._careful.memory, {}
        yield Memory(
            {
                **memory,
                **{(CLOCK_MEMORY, key): value for key, value in clocks.items()},
                **self._careful.kept.drain_memory(),
            }
        )
        yield self.spool.drain()
        delta = self._ledger.drain()
        if delta is not None:
            yield delta

    def _topic(self, code: int) -> str:
        sensor = self._catalog[code]
        return f"{ROOT}/{sensor.site}/{sensor.kind}/{sensor.id}"
