"""Detects message and name floods; reports start and end once.

Nothing is rejected here. A backfill arrives in bursts too, so the rate of a device is its messages per second of their
event times: hours of history within a minute are no flood.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.catalog import Catalog
from ingest.devices.ledger import Codes, Ledger
from ingest.errors import CatalogFull

from .batch import OpenBatch

SECOND_NS = 1_000_000_000
SUSTAINED_NS = 10 * SECOND_NS
BACKLOG_NS = 300 * SECOND_NS
"""For so long, many devices without event times may be the backlog of a broker."""

MANY = 8
SUSPECTS_MAX = 512
"""Bound on watched devices: each one costs a scan of every batch."""

REPEAT_NS = 60 * SECOND_NS
"""Interval between two readings of a continuing flood."""

WINDOW_NS = 60 * SECOND_NS
"""Window of the name count."""

TURN_MAX_NS = 60 * SECOND_NS
"""A longer interval between two checks is a stop or a clock step: counting restarts."""

RATE_REPORTED, NAMES_REPORTED = "rate_told", "names_told"
"""Columns of the ledger: 1 for devices with a reported flood whose end was not reported."""


class SelfReading(NamedTuple):
    """Reading of the service about a sensor. value: None for no reading; rows: rows to count."""

    sensor: int
    value: float | None
    rows: int = 0


@dataclass(slots=True)
class _Suspect:
    """A watched device: messages since the last check, seconds of their event times, time above and below the bound."""

    messages: int = 0
    seconds: set[int] = field(default_factory=set)
    timed: bool = False
    over_ns: int = 0  # time above the bound
    under_ns: int = 0
    excess: int = 0  # not yet counted
    reported_ns: int = 0


class Rates:
    """Message rates of devices. Objects are counted for all devices, messages for the watched ones.

    Works badly for more than MANY devices at once without event times, which are reported after BACKLOG_NS only. Also
    for a device with another event time in each message, which looks like a backfill.
    """

    def __init__(self, ledger: Ledger, *, rate_max: float) -> None:
        """rate_max: bound on the messages per second of a device; ledger: stores the reported floods."""
        self._ledger, self._rate_max = ledger, rate_max
        self._objects = np.zeros(1_024, np.int64)
        self._beside: dict[int, int] = {}
        self._looked_ns = 0
        self._suspects = {code: _Suspect(reported_ns=1) for code in ledger.where(RATE_REPORTED)}

    def beside(self, code: int) -> None:
        """Count a message of the device without a reading: a duplicate or a reject."""
        if code >= 0:
            self._beside[code] = self._beside.get(code, 0) + 1

    def count(self, batch: OpenBatch, codes: Codes, objects: NDArray[np.int64]) -> None:
        """Count the objects of a closed batch by sensor (ascending, each once)."""
        if not len(codes):
            return
        if codes[-1] >= len(self._objects):
            grown = np.zeros(2 * int(codes[-1]) + 1, np.int64)
            grown[: len(self._objects)] = self._objects
            self._objects = grown
        self._objects[codes] += objects
        if self._suspects:
            watched = codes[np.isin(codes, np.fromiter(self._suspects, np.int32, len(self._suspects)))]
            if len(watched):
                self._watch(batch, watched.tolist())

    def due(self, now_ns: int) -> list[SelfReading]:
        """Return the floods that started, continue or ended since the last call."""
        span_ns, self._looked_ns = now_ns - self._looked_ns, now_ns
        beside, self._beside = self._beside, {}
        for code, messages in beside.items():
            if code in self._suspects:
                self._suspects[code].messages += messages
        found = []
        if 0 < span_ns <= TURN_MAX_NS:
            untimed = sum(not suspect.timed for suspect in self._suspects.values() if suspect.messages)
            for code in list(self._suspects):
                found += self._look(code, span_ns, now_ns, patient=untimed > MANY)
            self._watch_new(span_ns, beside)
        for suspect in self._suspects.values():
            suspect.messages, suspect.seconds = 0, set()
        self._objects[:] = 0
        return found

    def _look(self, code: int, span_ns: int, now_ns: int, *, patient: bool) -> list[SelfReading]:
        """Check a watched device after the last interval."""
        suspect = self._suspects[code]
        rate = suspect.messages / max(span_ns / SECOND_NS, len(suspect.seconds))
        if rate <= self._rate_max:
            suspect.over_ns, suspect.under_ns, suspect.excess = 0, suspect.under_ns + span_ns, 0
            return self._end(code, suspect) if suspect.under_ns >= SUSTAINED_NS else []
        suspect.over_ns, suspect.under_ns = suspect.over_ns + span_ns, 0
        suspect.excess += suspect.messages - int(self._rate_max * span_ns / SECOND_NS)
        sure_ns = BACKLOG_NS if patient and not suspect.timed else SUSTAINED_NS
        if not suspect.reported_ns and suspect.over_ns < sure_ns:
            return []
        if not suspect.reported_ns:
            self._ledger.note(RATE_REPORTED, code)
        again = not 0 <= now_ns - suspect.reported_ns < REPEAT_NS
        rows, suspect.excess = suspect.excess, 0
        suspect.reported_ns = now_ns if again else suspect.reported_ns
        return [SelfReading(code, rate if again else None, rows)]

    def _end(self, code: int, suspect: _Suspect) -> list[SelfReading]:
        """Stop watching a device; report the end of a reported flood."""
        del self._suspects[code]
        if not suspect.reported_ns:
            return []
        self._ledger.note(RATE_REPORTED, code, -1)
        return [SelfReading(code, 0.0)]

    def _watch_new(self, span_ns: int, beside: dict[int, int]) -> None:
        """Watch devices with more objects, or more messages without readings, than the bound on messages."""
        bound = self._rate_max * span_ns / SECOND_NS
        for code in (*np.flatnonzero(self._objects > bound).tolist(), *beside):
            if beside.get(code, bound) >= bound and len(self._suspects) < SUSPECTS_MAX:
                self._suspects.setdefault(code, _Suspect())

    def _watch(self, batch: OpenBatch, watched: list[int]) -> None:
        """Count the messages of watched devices by their frames; an array is one message."""
        sensor, arrival, _ = batch.item_columns()
        times, origin = np.frombuffer(batch.time_ns, np.int64), batch.origin
        for code in watched:
            items = np.array([item for item in np.flatnonzero(sensor == code).tolist() if origin[item][2]], np.int64)
            if not len(items):  # only readings of the service itself
                continue
            own, suspect = times[items], self._suspects[code]
            suspect.timed = bool((own != arrival[items]).any())
            suspect.seconds.update(np.unique(own // SECOND_NS).tolist())
            suspect.messages += len({id(origin[item]) for item in items.tolist()})


class Names:
    """New undeclared names of each site within a minute.

    Names of the campus file are not counted. The first start of a large site without one is reported like a flood: all
    its sensors are undeclared.
    """

    def __init__(self, catalog: Catalog, ledger: Ledger, *, names_max: int) -> None:
        """names_max: bound on the new names of a site within WINDOW_NS."""
        self._catalog, self._ledger, self._names_max = catalog, ledger, names_max
        self._windows: dict[str, deque[tuple[int, int]]] = {}
        self._recalled = [catalog[code].site for code in ledger.where(NAMES_REPORTED) if code < len(catalog)]
        self._reported_ns = dict.fromkeys(self._recalled, 1)

    def due(self, now_ns: int) -> list[SelfReading]:
        """Return the floods that started, continue or ended since the last call."""
        fresh, found = self._catalog.drain_new_names(), list[SelfReading]()
        for (
            site
        ) in self._recalled:  # the count of the last minute is lost: assume the bound, which does not end the flood
            self._windows.setdefault(site, deque()).append((now_ns, self._names_max))
        self._recalled = []
        for site, names in fresh.items():
            self._windows.setdefault(site, deque()).append((now_ns, names))
        for site in {**self._windows, **self._reported_ns}:
            window = self._windows.setdefault(site, deque())
            while window and not 0 <= now_ns - window[0][0] < WINDOW_NS:
                window.popleft()
            with suppress(CatalogFull):  # without a code for the service's device, nothing is reported
                found += self._look(site, fresh.get(site, 0), now_ns)
            if not window:
                del self._windows[site]
        return found

    def _look(self, site: str, fresh: int, now_ns: int) -> list[SelfReading]:
        """Check the names of a site in the last minute."""
        names, reported_ns = sum(number for _, number in self._windows[site]), self._reported_ns.get(site, 0)
        if names <= self._names_max and (not reported_ns or 2 * names > self._names_max):
            return []
        device = self._catalog.service_device(site)
        if names <= self._names_max:
            del self._reported_ns[site]
            self._ledger.note(NAMES_REPORTED, device, -1)
            return [SelfReading(device, 0.0)]
        if not reported_ns:
            self._ledger.note(NAMES_REPORTED, device)
        again = not 0 <= now_ns - reported_ns < REPEAT_NS
        if again:
            self._reported_ns[site] = now_ns
        return [SelfReading(device, float(names) if again else None, fresh if reported_ns else names)]
