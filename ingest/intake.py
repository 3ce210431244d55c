"""From messages to sealed batches: decoded, checked, free of repeats, every reading accounted for.

One thread calls `take` with what came in, `due` to learn whether the batch has to be closed, and `seal` to close it.
What `seal` gives must be durable before any message of it is acknowledged. Nothing here raises on foreign input.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval, Unit, doc

from .accounting import NOTICES, Accounts, Refusal, Sealed, Source, Waiting
from .batch import BatchSettings, Bounds, OpenBatch
from .catalog import SERVICE_SITE, Catalog
from .clocks import MEMORY as CLOCK_MEMORY
from .clocks import Clocks
from .decode.contract import Availability, Decoded, Decoder, Outgoing, Reading, Reject, Remembering
from .decode.native import ROOT, NativeDecoder
from .decode.native_columns import Columns, Frame, Route
from .duplicates import Duplicates, own_key, repeat_key, topic_seed
from .errors import CatalogFull
from .gaps import Gap, Gaps
from .replay import Replays
from .retained import Kept
from .settle import Sources, settle
from .validate import DAY_NS, REFUSED_AHEAD_NS, ill_formed
from .vocabulary import KINDS, METRIC_BY_NAME

_RETAIN, _DUP, _OVERSIZE, _AGAIN = 0x01, 0x08, 0x100, 0x200
_ONLINE = METRIC_BY_NAME["online"].code
_DATA_GAP = METRIC_BY_NAME["data_gap"].code
_TICK = METRIC_BY_NAME["tick"].code


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """What is taken in, and whose it is."""

    site: Annotated[str, doc("site of sensors whose format does not name one")] = "school-1"
    formats: Annotated[tuple[str, ...], doc("foreign formats that are taken in; all of them where none is named")] = ()
    past_days: Annotated[int, Interval(ge=1, le=36_500), Unit("d"), doc("readings older than this are refused")] = 366
    keys_max: Annotated[
        int, Interval(ge=1_000, le=50_000_000), Unit("1"), doc("messages remembered to recognise repeats")
    ] = 1_000_000


class Intake:
    """The one door for messages, whatever brought them. Not thread-safe: one thread owns it."""

    def __init__(
        self,
        catalog: Catalog,
        decoders: Sequence[Decoder] = (),
        *,
        settings: IntakeSettings | None = None,
        batch: BatchSettings | None = None,
        recent_keys: Sequence[int] = (),
        memory: Sequence[tuple[str, str, bytes]] = (),
    ) -> None:
        """decoders: of the foreign formats, in the order in which they are asked; recent_keys, memory: from the log."""
        self._settings = settings or IntakeSettings()
        self._catalog = catalog
        self._native = NativeDecoder()
        self._decoders: tuple[Decoder, ...] = (*decoders, self._native)
        self._gaps = Gaps()
        self._columns = Columns(self._gaps)
        self._duplicates = Duplicates(keys_max=self._settings.keys_max, recent=recent_keys)
        self._accounts = Accounts()
        self._sources = Sources()
        self._clocks = Clocks((key, value) for name, key, value in memory if name == CLOCK_MEMORY)
        self._kept = Kept(self._columns.routes, self._duplicates, memory)
        self._batch = OpenBatch()
        self._bounds = Bounds(batch or BatchSettings())
        self._online: dict[int, bool] = {}
        self._past_ns = self._settings.past_days * DAY_NS
        self._span = (0, 0, 0)  # earliest time that may be stored, arrival, latest
        self._memory: dict[tuple[str, str], bytes | None] = {}
        self._outgoing = Outgoing()
        self._replays = Replays(self._accounts, self._duplicates)
        self.messages_total = 0
        self.internal_total = 0
        self._recall(memory)

    @property
    def subscriptions(self) -> list[str]:
        """Topic filters of every format, each once."""
        return list(dict.fromkeys(filter_ for decoder in self._decoders for filter_ in decoder.subscriptions))

    @property
    def bounds_acted(self) -> dict[str, int]:
        """How often each bound closed a batch."""
        return dict(self._bounds.acted)

    @property
    def unsampled_total(self) -> int:
        """Refused readings of which no sample was kept."""
        return self._accounts.unsampled_total

    @property
    def full(self) -> bool:
        """True when nothing more should be taken before the next seal."""
        return self._bounds.full(len(self._batch))

    def take(self, frames: Sequence[Frame], now_ns: int, *, size_bytes: int | None = None) -> None:
        """Take messages in the order in which they came; size_bytes: of all of them, if the caller knows it."""
        if not frames:
            return
        self._batch.arrive(now_ns)
        self._span = now_ns - self._past_ns, now_ns, now_ns + REFUSED_AHEAD_NS
        collecting = gc.isenabled()
        gc.disable()  # thousands of short-lived objects, none in a cycle: a tenth of the time went into looking
        try:
            self._columns.take(frames, self._batch, self._duplicates, span=self._span, careful=self._take_carefully)
        finally:
            if collecting:
                gc.enable()
        self._duplicates.turn()
        self.messages_total += len(frames)
        if size_bytes is None:
            size_bytes = sum(len(frame[3]) for frame in frames)
        self._bounds.grow(size_bytes, now_ns)

    def replay(self, messages: Sequence[Waiting]) -> None:
        """Take refused messages in again, each as if it came when it did."""
        for message in messages:
            if self._replays.begin(message):
                self._batch.arrive(message.arrival_ns)
                self._span = (
                    message.arrival_ns - self._past_ns,
                    message.arrival_ns,
                    message.arrival_ns + REFUSED_AHEAD_NS,
                )
                self._take_carefully((_AGAIN, 0, message.topic.encode(), message.payload))
            self._bounds.grow(len(message.payload), message.arrival_ns)

    def tick(self, now_ns: int) -> None:
        """Write the service's own clock reading, so that event time goes on while every sensor is silent."""
        self._batch.arrive(now_ns)
        code = self._catalog.code(SERVICE_SITE, "clock", "device")
        self._append(code, _TICK, 1.0, now_ns, Sources.SERVICE, (0, 0, b"", b""))
        for gap in self._gaps.due(now_ns):
            self._tell(gap)
        self._bounds.grow(0, now_ns)

    def due(self, now_ns: int) -> bool:
        """Whether a bound has been reached."""
        return bool(self._bounds.reached(len(self._batch), now_ns))

    def wait_s(self, now_ns: int) -> float | None:
        """Seconds until the open batch is due by age; None while nothing is open."""
        return self._bounds.wait_s(now_ns)

    def take_outgoing(self) -> Outgoing:
        """What the formats want of the broker since the last call."""
        outgoing, self._outgoing = self._outgoing, Outgoing()
        return outgoing

    def seal(self, now_ns: int | None = None) -> Sealed | None:
        """Close the batch: what has to become durable, or None when nothing came in."""
        batch, self._batch = self._batch, OpenBatch()
        bound = "asked" if now_ns is None else self._bounds.reached(len(batch), now_ns) or "asked"
        keys = self._duplicates.take()
        kept = settle(batch, self._sources, self._accounts, self._clocks, past_ns=self._past_ns)
        clocks, replayed = self._clocks.take_memory(), self._replays.take()
        self._memory.update({(CLOCK_MEMORY, key): value for key, value in clocks.items()})
        self._memory.update(self._kept.take_memory())
        counts, quarantine = self._accounts.take()
        memory, self._memory = self._memory, {}
        if not (len(kept) or counts or keys or memory or replayed):
            return None
        self._bounds.restart(bound)
        mended = [self._topic(int(key)) for key, value in clocks.items() if value is not None]
        changes = self._catalog.take_changes()
        return Sealed(kept, keys, counts, quarantine, changes, memory, replayed, mended)

    def _topic(self, code: int) -> str:
        sensor = self._catalog[code]
        return f"{ROOT}/{sensor.site}/{sensor.kind}/{sensor.id}"

    def _recall(self, memory: Sequence[tuple[str, str, bytes]]) -> None:
        """Give each decoder back what it asked to be kept: (format, key, value)."""
        for decoder in self._decoders:
            if isinstance(decoder, Remembering):
                decoder.recall([(key, value) for name, key, value in memory if name == decoder.name])

    def _take_carefully(self, frame: Frame) -> None:
        """One message by its decoder. A programming error in a decoder costs one message, never the thread."""
        items, rows = self._batch.items, len(self._batch)
        try:
            self._route(frame)
        except Exception as error:  # noqa: BLE001 - as the docstring says; counted, and a reject with its reason
            self._batch.withdraw(items, rows)
            self.internal_total += 1
            self._refuse(Source(self._settings.site, ""), frame, "internal", f"{type(error).__name__}: {error}")

    def _route(self, frame: Frame) -> None:
        flags, _, raw_topic, payload = frame
        try:
            topic = raw_topic.decode()
        except UnicodeDecodeError:
            self._refuse(Source(self._settings.site, ""), frame, "utf8", "topic")
            return
        decoder = next((decoder for decoder in self._decoders if decoder.claims(topic)), None)
        source = self._source(decoder, topic)
        if decoder is None:
            self._refuse(source, frame, "topic", "no format has this topic")
        elif flags & _OVERSIZE:
            self._refuse(source, frame, "too_large", "payload over the limit")
        elif decoder is self._native:
            decoded, own = self._native.interpret(topic, payload)
            address = self._native.locate(topic)
            fresh = self._settle_message(frame, source, decoded, own=own, kind="" if address is None else address.kind)
            if flags & _RETAIN:
                return  # no event: neither a running number nor a topic of the hot path
            self._learn_route(frame, topic, decoded)
            if fresh and decoded.numbers:
                counter = self._columns.routes.get(raw_topic) or self._gaps.count(raw_topic)
                self._gaps.take(counter, raw_topic, tuple(decoded.numbers), self._span[1])
        else:
            decoded = decoder.decode(topic, payload, retained=bool(flags & _RETAIN), now_ns=self._span[1])
            timed = bool(decoded.readings) and all(reading.time_ns is not None for reading in decoded.readings)
            self._settle_message(frame, source, decoded, own=timed)
            self._outgoing.requests += decoded.requests
            self._outgoing.subscriptions += decoded.subscribe
            self._memory.update({(decoder.name, key): value for key, value in decoded.memory.items()})

    def _source(self, decoder: Decoder | None, topic: str) -> Source:
        """Who a message is counted for; a site is taken from the topic only where the whole topic is sound."""
        if decoder is not self._native:
            return Source(self._settings.site, "" if decoder is None else decoder.name)
        address = self._native.locate(topic)
        return Source(self._settings.site if address is None else address.site, self._native.name)

    def _settle_message(self, frame: Frame, source: Source, decoded: Decoded, *, own: bool, kind: str = "") -> bool:
        """Take in what a message means; False when it was taken before."""
        rows = len(decoded.readings) + sum(reject.rows for reject in decoded.rejects)
        own = own and all(
            self._timely(reading, source.site) for reading in decoded.readings
        )  # a refused one is refused each time
        retained = bool(frame[0] & _RETAIN) and bool(decoded.readings)
        repeated = self._kept.repeats(frame, own=own) if retained else self._repeated(frame, own=own)
        if repeated and rows:
            self._accounts.add(source, "received", rows=rows)
            self._accounts.add(source, "duplicate", rows=rows)
            if not retained:
                return False
        else:
            self._take_all(self._kept.read(frame, decoded, own=own), source, frame, kind=kind)
        changed = [self._take_availability(told, source, frame) for told in decoded.availability]
        if decoded.gateway:
            self._hang(source, decoded)
        self._note(source, decoded, idle=not rows and not any(changed))
        return True

    def _take_all(self, decoded: Decoded, source: Source, frame: Frame, *, kind: str) -> None:
        """Readings into the columns, everything else into the accounts; a message of which nothing is left is whole."""
        before = len(self._batch)
        rejects = list(decoded.rejects)
        for reading in decoded.readings:
            refused = self._take_reading(reading, source, frame, kind=kind)
            rejects += [refused] if refused else []
        nothing = len(self._batch) == before
        whole = nothing and not frame[0] & _RETAIN  # taken in again, a kept copy would be news
        counts = tuple((reject.reason, reject.rows) for reject in rejects) if whole else ()
        for number, reject in enumerate(rejects):
            if number and counts:  # the first stands for the whole message
                self._accounts.add(source, "received", rows=reject.rows)
                self._accounts.add(source, "quarantined", rows=reject.rows, reason=reject.reason)
            else:
                self._refuse(source, frame, reject.reason, reject.detail, rows=reject.rows, counts=counts)

    def _hang(self, source: Source, decoded: Decoded) -> None:
        """The sensors of a message are heard through its gateway."""
        names = [told.sensor for told in decoded.readings] + [told.sensor for told in decoded.availability]
        for name in dict.fromkeys(names):
            known = self._catalog.find(source.site, name)
            if known is not None and self._catalog.has_code(known) and known.gateway != decoded.gateway:
                self._catalog.behind(known.code, decoded.gateway)

    def _tell(self, gap: Gap) -> None:
        """Messages of a sensor did not come: a reading of how many, at the time at which they were missed."""
        address = self._native.locate(gap.topic.decode())
        sensor = None if address is None else self._catalog.find(address.site, address.sensor)
        if address is None or sensor is None or sensor.code < 0:
            return
        self._accounts.add(Source(address.site, self._native.name), "notice", rows=gap.messages, reason="data_gap")
        frame = (0, 0, gap.topic, b"")
        self._append(sensor.code, _DATA_GAP, float(gap.messages), gap.since_ns, Sources.SERVICE, frame)

    def _timely(self, reading: Reading, site: str) -> bool:
        """Whether the time can be stored, by itself or with what is known of the device's clock."""
        if reading.time_ns is None or self._span[0] <= reading.time_ns <= self._span[2]:
            return True
        known = self._catalog.find(site, reading.sensor)
        offset_ns = 0 if known is None else self._clocks.offset_ns(known.code)
        return offset_ns != 0 and self._span[0] <= reading.time_ns + offset_ns <= self._span[2]

    def _note(self, source: Source, decoded: Decoded, *, idle: bool) -> None:
        if idle:
            self._accounts.add(source, "notice", reason="ignored")
        for notice in decoded.notices:
            code = notice.partition(":")[0].strip()
            if code != "unknown_metric":  # counted over all rows when the batch is closed
                self._accounts.add(source, "notice", reason=code if code in NOTICES else "other")

    def _repeated(self, frame: Frame, *, own: bool) -> bool:
        """Whether the message was taken before; if not, it is remembered."""
        flags, packet_id, topic, payload = frame
        if flags & _AGAIN or (not own and not packet_id):
            return False
        seed = topic_seed(topic)
        key = own_key(payload, seed) if own else repeat_key(payload, seed, packet_id)
        window = self._duplicates.own if own else self._duplicates.repeats
        if key in window and (own or flags & _DUP):
            return True
        window.add(key)
        self._duplicates.fresh.append(key)
        return False

    def _take_reading(self, reading: Reading, source: Source, frame: Frame, *, kind: str = "") -> Reject | None:
        """Into the columns, or why not; kind: of the sensor, where the topic tells it (else the reading's own)."""
        reason = ill_formed(reading)
        if reason:
            return Reject(reason, f"{reading.sensor[:80]} {reading.metric[:80]}")
        kind = kind or (reading.kind if reading.kind in KINDS else "env")
        try:
            metric = self._catalog.metric(reading.metric)
            code = self._catalog.code(source.site, reading.sensor, kind, wire=source.format, now_ns=self._span[1])
        except CatalogFull as full:
            return Reject(f"{full.what[:-1]}_limit", str(full))
        time_ns = self._span[1] if reading.time_ns is None else reading.time_ns
        item, row = self._batch.items, len(self._batch)
        self._append(code, metric.code, float(reading.value), time_ns, self._sources.index(source), frame)
        if reading.quality:
            self._batch.quality[item] = reading.quality
        dims = dict(reading.dims)
        if reading.gateway_ns is not None:
            dims["gateway_ns"] = reading.gateway_ns
        if dims:
            self._batch.attributes[row] = dims
        return None

    def _take_availability(self, told: Availability, source: Source, frame: Frame) -> bool:
        """Store a change between online and offline; a repetition says nothing new."""
        known = self._catalog.find(source.site, told.sensor)
        if known is not None and self._online.get(known.code) == told.online:
            return False
        reading = Reading(told.sensor, "device", "online", float(told.online), "bool")
        refused = self._take_reading(reading, source, frame)
        if refused:
            self._refuse(source, frame, refused.reason, refused.detail, counts=())
        sensor = self._catalog.find(source.site, told.sensor)
        if sensor is not None:
            self._online[sensor.code] = told.online
        return True

    def _append(self, code: int, metric: int, value: float, time_ns: int, source: int, frame: Frame) -> None:  # noqa: PLR0917 - the columns of one row
        batch = self._batch
        batch.source[batch.items] = source
        batch.sensor.append(code)
        batch.time_ns.append(time_ns)
        batch.rows.append(1)
        batch.origin.append(frame)
        batch.metric.append(metric)
        batch.value.append(value)

    def _learn_route(self, frame: Frame, topic: str, decoded: Decoded) -> None:
        """From now on the hot path knows this topic and its metrics. Cameras send events: never hot."""
        address = self._native.locate(topic)
        if address is None or address.kind == "camera" or not decoded.readings or frame[2] in self._columns.routes:
            return
        sensor = self._catalog.find(address.site, address.sensor)
        if sensor is None or sensor.code < 0 or (address.site, address.sensor) == (SERVICE_SITE, "clock"):
            return
        self._sources.assign(sensor.code, Source(address.site, self._native.name))
        self._columns.routes[frame[2]] = Route(sensor.code, topic_seed(frame[2]))
        for reading in decoded.readings:
            if reading.metric != "test":
                self._columns.metrics[reading.metric] = self._catalog.metric(reading.metric).code

    def _refuse(
        self,
        source: Source,
        frame: Frame,
        reason: str,
        detail: str,
        *,
        rows: int = 1,
        counts: tuple[tuple[str, int], ...] | None = None,
    ) -> None:
        """counts: what the whole message stands for; of one reading or of none, where not given."""
        told = ((reason, rows),) if counts is None else counts
        self._accounts.refuse(source, Refusal(reason, detail, self._span[1], frame[2], frame[3], told), rows=rows)
