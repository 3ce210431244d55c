"""Slow path: decodes one message at a time when the hot path declines it.

The result goes into the columns of the open batch, the accounts and the durable memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ingest.catalog import SERVICE_SITE, Catalog
from ingest.decode.contract import Decoded, Decoder, Outgoing, Reading, Reject, Remembering
from ingest.decode.native import Address, NativeDecoder
from ingest.devices.accounting import NO_DEVICE, Accounts, Charge, Refusal, Source
from ingest.devices.clocks import Clocks
from ingest.devices.gaps import Gaps
from ingest.devices.ledger import Ledger
from ingest.devices.reasons import NOTICES
from ingest.devices.unread import UNREAD, UnreadKeys
from ingest.errors import CatalogFull
from ingest.frame import AGAIN, DUP, OVERSIZE, RETAIN, Frame
from ingest.sensor import Sensor
from ingest.vocabulary import KINDS, SERVICE_METRICS, Quality

from .batch import OpenBatch
from .device_states import DeviceStates
from .duplicates import Duplicates, own_key, repeat_key, topic_seed
from .endings import MEMORY as ENDING_MEMORY
from .endings import Endings
from .hot_path import Columns, Route
from .labels import Labels
from .retained import RetainedCopies
from .seal import Sources
from .self_readings import SelfReadings
from .senders import Senders
from .settings import IntakeSettings
from .validate import ill_formed


class SlowPath:
    """Decodes messages one at a time. Owned by the intake, in its thread.

    batch: the open batch; span: earliest storable time, arrival, latest storable time. The intake sets both.
    """

    def __init__(
        self,
        catalog: Catalog,
        decoders: Sequence[Decoder],
        *,
        settings: IntakeSettings,
        accounts: Accounts,
        sources: Sources,
        clocks: Clocks,
        duplicates: Duplicates,
        ledger: Ledger,
        memory: Sequence[tuple[str, str, bytes]],
        labels: Labels,
    ) -> None:
        """decoders: of the foreign formats, in order of precedence; memory: their stored state."""
        self.native = NativeDecoder()
        self.decoders: tuple[Decoder, ...] = (*decoders, self.native)
        gaps = Gaps()
        self.columns = Columns(gaps)
        self.senders = Senders(catalog, self.native)
        self.self_readings = SelfReadings(
            catalog, accounts, ledger, settings=settings, gaps=gaps, code_of=self.senders.of_topic
        )
        self.retained = RetainedCopies(self.columns.routes, duplicates, memory)
        self.batch = OpenBatch()
        self.span = (0, 0, 0)
        self.memory: dict[tuple[str, str], bytes | None] = {}
        self.outgoing = Outgoing()
        self.endings = Endings(catalog, [(key, value) for name, key, value in memory if name == ENDING_MEMORY])
        self.internal_total = 0
        self._catalog, self._site = catalog, settings.site
        self._accounts, self._sources = accounts, sources
        self._clocks, self._duplicates, self._labels = clocks, duplicates, labels
        self._states, self._unread = DeviceStates(catalog), UnreadKeys(ledger)
        for decoder in self.decoders:
            if isinstance(decoder, Remembering):
                decoder.recall([(key, value) for name, key, value in memory if name == decoder.name])

    def accept(self, frame: Frame) -> None:
        """Decode one message. A programming error in a decoder costs one message, never the thread."""
        items, rows = self.batch.items, len(self.batch)
        try:
            self._route(frame)
        except Exception as error:  # noqa: BLE001 - counted, and a reject with its reason
            self.batch.withdraw(items, rows)
            self.internal_total += 1
            self.refuse(Source(self._site, ""), frame, "internal", f"{type(error).__name__}: {error}")

    def _route(self, frame: Frame) -> None:
        flags, _, raw_topic, payload = frame
        try:
            topic = raw_topic.decode()
        except UnicodeDecodeError:
            self.refuse(Source(self._site, ""), frame, "utf8", "topic")
            return
        decoder = next((decoder for decoder in self.decoders if decoder.claims(topic)), None)
        address = self.native.locate(topic) if decoder is self.native else None
        source = self._source(decoder, address)
        if decoder is None:
            self.refuse(source, frame, "topic", "no format claims this topic")
        elif address is not None and not self._catalog.accepts(address.site):
            self.refuse(source, frame, "site_unknown", f"site {address.site} is not in the campus file")
        elif flags & OVERSIZE:
            self.refuse(source, frame, "too_large", "payload over the limit")
        elif decoder is self.native:
            decoded, own = self.native.interpret(topic, payload, now_ns=self.span[1])
            fresh = self._settle_message(frame, source, decoded, own=own, kind="" if address is None else address.kind)
            if flags & RETAIN:
                return  # no event: no sequence number, no route for the hot path
            self._learn_route(frame, topic, decoded)
            if fresh and address is not None and decoded.numbers and not flags & AGAIN:
                route, code = self.columns.routes.get(raw_topic), self.senders.of_topic(raw_topic)
                self.self_readings.numbers.accept(
                    raw_topic, code, address.kind, counter=route, seq=decoded.numbers, now_ns=self.span[1]
                )
        else:
            decoded = decoder.decode(topic, payload, retained=bool(flags & RETAIN), now_ns=self.span[1])
            timed = bool(decoded.readings) and all(reading.time_ns is not None for reading in decoded.readings)
            self._settle_message(frame, source, decoded, own=timed)
            self.outgoing.requests += decoded.requests
            self.outgoing.subscriptions += decoded.subscribe
            self.memory.update({(decoder.name, key): value for key, value in decoded.memory.items()})

    def _source(self, decoder: Decoder | None, address: Address | None) -> Source:
        """Return the account of a message. A topic names the site only if it is valid and its site accepted."""
        known = address is not None and self._catalog.accepts(address.site)
        return Source(address.site if address and known else self._site, "" if decoder is None else decoder.name)

    def _settle_message(self, frame: Frame, source: Source, decoded: Decoded, *, own: bool, kind: str = "") -> bool:
        """Store a decoded message. Return False for a duplicate."""
        renamed = self._states.rename(source.site, decoded.renamed)
        rows = len(decoded.readings) + sum(reject.rows for reject in decoded.rejects)
        own = own and all(self._timely(each, source.site) for each in decoded.readings)  # others: rejected each time
        retained = bool(frame[0] & RETAIN) and bool(decoded.readings)
        repeated = self.retained.repeats(frame, own=own) if retained else self._repeated(frame, own=own)
        if repeated and rows:
            for device, share in self.senders.shares(frame[2], decoded, source).items():
                self._accounts.add(source, "received", rows=share, device=device)
                self._accounts.add(source, "duplicate", rows=share, device=device)
            if not retained:
                self.self_readings.rates.beside(self.senders.of_message(frame[2], decoded, source))
                return False
        else:
            self._store_all(self.retained.read(frame, decoded, own=own), source, frame, kind=kind)
        write = partial(self._write_state, source=source, frame=frame)
        changed = self._states.apply(decoded, source.site, write, live=not frame[0] & RETAIN)
        self._note(source, decoded, idle=not (rows or changed or renamed))
        return True

    def _store_all(self, decoded: Decoded, source: Source, frame: Frame, *, kind: str) -> None:
        """Store readings and count rejects. A message without a stored reading is quarantined whole."""
        before, refused = len(self.batch), list[tuple[Reject, int]]()
        for reading in decoded.readings:
            reject = self._store_reading(reading, source, frame, kind=kind)
            refused += [(reject, self.senders.named(source, reading.sensor))] if reject else []
        if not (decoded.rejects or refused):
            return
        nothing, whose = len(self.batch) == before, self.senders.of_message(frame[2], decoded, source)
        rejects = [(reject, whose) for reject in decoded.rejects] + refused
        if nothing:
            self.self_readings.rates.beside(whose)
        whole = nothing and not frame[0] & RETAIN  # reprocessed, a retained message would count as live
        counts = tuple(Charge(reject.reason, reject.rows, device) for reject, device in rejects) if whole else ()
        for number, (reject, device) in enumerate(rejects):
            if number and counts:  # the first one has the charges of the whole message
                self._accounts.add(source, "received", rows=reject.rows, device=device)
                self._accounts.add(source, "quarantined", rows=reject.rows, reason=reject.reason, device=device)
            else:
                self.refuse(source, frame, reject.reason, reject.detail, rows=reject.rows, counts=counts, device=device)

    def _timely(self, reading: Reading, site: str) -> bool:
        """Return whether the time is storable, as it is or corrected for the device clock."""
        if reading.time_ns is None or self.span[0] <= reading.time_ns <= self.span[2]:
            return True
        known = self._catalog.find(site, reading.sensor)
        offset_ns = 0 if known is None else self._clocks.offset_ns(known.code)
        return offset_ns != 0 and self.span[0] <= reading.time_ns + offset_ns <= self.span[2]

    def _note(self, source: Source, decoded: Decoded, *, idle: bool) -> None:
        if idle:
            self._accounts.add(source, "notice", reason="ignored")
        if decoded.unread:
            device = self.senders.admit(source, decoded, now_ns=self.span[1])
            self._accounts.add(source, "notice", rows=len(decoded.unread), reason=UNREAD, device=device)
            if device != NO_DEVICE:
                self._unread.add(device, decoded.unread)
        for notice in decoded.notices:
            code = notice.partition(":")[0].strip()
            if code != "unknown_metric":  # counted over all rows at the seal
                self._accounts.add(source, "notice", reason=code if code in NOTICES else "other")

    def _repeated(self, frame: Frame, *, own: bool) -> bool:
        """Return whether the message is a duplicate; remember it otherwise."""
        flags, packet_id, topic, payload = frame
        if flags & AGAIN or (not own and not packet_id):
            return False
        seed = topic_seed(topic)
        key = own_key(payload, seed) if own else repeat_key(payload, seed, packet_id)
        window = self._duplicates.own if own else self._duplicates.repeats
        if key in window and (own or flags & DUP):
            return True
        window.add(key)
        self._duplicates.fresh.append(key)
        return False

    def _store_reading(self, reading: Reading, source: Source, frame: Frame, *, kind: str = "") -> Reject | None:
        """Append a reading, or return its reject; kind: from the topic, else the reading's own."""
        reason = ill_formed(reading)
        if reason:
            return Reject(reason, f"{reading.sensor[:80]} {reading.metric[:80]}")
        kind = kind or (reading.kind if reading.kind in KINDS else "env")
        try:
            metric = self._catalog.metric(reading.metric)
            now_ns, live = self.span[1], not frame[0] & RETAIN
            code = self._catalog.code(source.site, reading.sensor, kind, wire=source.format, now_ns=now_ns, live=live)
        except CatalogFull as full:
            return Reject(f"{full.what[:-1]}_limit", str(full))
        timed = reading.time_ns is not None and (not reading.doubt or self._timely(reading, source.site))
        time_ns = reading.time_ns if timed and reading.time_ns is not None else self.span[1]
        item, row = self.batch.items, len(self.batch)
        value, place = float(reading.value), self._sources.index(source)
        self.batch.put(code, metric.code, value, time_ns=time_ns, source=place, timed=timed, origin=frame)
        if reading.quality:
            self.batch.quality[item] = reading.quality
        if reading.doubt and reading.quality != Quality.RETAINED:  # counted as retained
            self._accounts.add(source, "notice", reason=reading.doubt)
        if dims := self._labels.of(reading):
            self.batch.attributes[row] = dims
        self.endings.note(self.batch, reading, self.span[1])
        return None

    def _write_state(self, reading: Reading, source: Source, frame: Frame) -> None:
        """Store a reading about the state of a device."""
        refused = self._store_reading(reading, source, frame)
        if refused:
            self.refuse(source, frame, refused.reason, refused.detail, counts=())

    def _learn_route(self, frame: Frame, topic: str, decoded: Decoded) -> None:
        """Register topic and metrics for the hot path. Cameras send events and stay on this path."""
        address = self.native.locate(topic)
        if address is None or address.kind == "camera" or not decoded.readings:
            return
        sensor = self._catalog.find(address.site, address.sensor)
        if sensor is None or sensor.code < 0 or (address.site, address.sensor) == (SERVICE_SITE, "clock"):
            return
        if frame[2] not in self.columns.routes:
            self._route_to(sensor, address, frame[2])
        for reading in decoded.readings:
            if reading.metric != "test" and reading.metric not in SERVICE_METRICS:
                self.columns.metrics[reading.metric] = self._catalog.metric(reading.metric).code

    def resolve(self, raw_topic: bytes) -> Route | None:
        """Return the route of a known sensor's topic; None when its first message may change the catalogue."""
        try:
            topic = raw_topic.decode()
        except UnicodeDecodeError:
            return None
        address = self.native.locate(topic)
        if address is None or address.kind == "camera" or not self._catalog.accepts(address.site):
            return None
        sensor = self._catalog.find(address.site, address.sensor)
        if sensor is None or not sensor.first_ns or sensor.removed:  # its first message changes the catalogue
            return None
        if KINDS.index(address.kind) < KINDS.index(sensor.kind) or self.retained.awaits(raw_topic):
            return None
        for decoder in self.decoders:  # no generator: this loop dominates the first minute after a restart
            if decoder.claims(topic):
                return self._route_to(sensor, address, raw_topic) if decoder is self.native else None
        return None

    def _route_to(self, sensor: Sensor, address: Address, raw_topic: bytes) -> Route:
        self._sources.assign(sensor.code, Source(address.site, self.native.name))
        route = self.columns.routes[raw_topic] = Route(sensor.code, topic_seed(raw_topic))
        self.self_readings.numbers.attach(raw_topic, sensor.code, address.kind, route)
        return route

    def refuse(
        self,
        source: Source,
        frame: Frame,
        reason: str,
        detail: str,
        *,
        rows: int = 1,
        counts: tuple[Charge, ...] | None = None,
        device: int = NO_DEVICE,
    ) -> None:
        """Quarantine a message; counts: charges of the whole message, None for one charge of `rows`."""
        charges = (Charge(reason, rows, device),) if counts is None else counts
        self.self_readings.foreign.note(source.site, reason, again=bool(frame[0] & AGAIN))
        refusal = Refusal(reason, detail, self.span[1], frame[2], frame[3], charges)
        self._accounts.refuse(source, refusal, rows=rows, device=device)
