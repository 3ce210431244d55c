"""Devices that send beyond all measure, and names that flood in: noticed, counted, told once, and once more at the end.

Nothing is refused here. A store that is emptied comes in bursts too, so a device is judged by the messages that it
sends for each second of the time that they tell: hours of history in a minute are none too many.
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
"""So long many devices whose messages carry no time of their own may be a broker that gives out what it kept."""

MANY = 8
SUSPECTS_MAX = 512
"""Under watch at once: each costs a look through every batch."""

AGAIN_NS = 60 * SECOND_NS
"""How often a flood that goes on is written again."""

WINDOW_NS = 60 * SECOND_NS
"""Names are counted over this time."""

TURN_MAX_NS = 60 * SECOND_NS
"""A longer time between two looks is a stop or a clock that jumped: begun anew."""

RATE_TOLD, NAMES_TOLD = "rate_told", "names_told"
"""Columns of the ledger: 1 for the devices of which a flood was told and its end was not."""


class Told(NamedTuple):
    """What the service has to say of a sensor: the value of a reading, None for no reading; rows to be counted."""

    sensor: int
    value: float | None
    rows: int = 0


@dataclass(slots=True)
class _Suspect:
    """A device under closer watch: its messages since the last look, the seconds that they speak of, for how long."""

    messages: int = 0
    seconds: set[int] = field(default_factory=set)
    timed: bool = False
    over_ns: int = 0  # for so long beyond the bound
    under_ns: int = 0
    excess: int = 0  # not counted yet
    told_ns: int = 0


class Rates:
    """How many messages each device sends. Objects are counted for all of them, messages for those under watch.

    Works badly for: more than MANY devices at once whose messages carry no time, which are told after BACKLOG_NS only;
    a device that gives each message another time, which looks like a store that is emptied.
    """

    def __init__(self, ledger: Ledger, *, rate_max: float) -> None:
        """rate_max: messages a second that a device may send; ledger: keeps which floods were told."""
        self._ledger, self._rate_max = ledger, rate_max
        self._objects = np.zeros(1_024, np.int64)
        self._beside: dict[int, int] = {}
        self._looked_ns = 0
        self._suspects = {code: _Suspect(told_ns=1) for code in ledger.where(RATE_TOLD)}

    def beside(self, code: int) -> None:
        """A message of the device came that gave no reading: repeated or refused."""
        if code >= 0:
            self._beside[code] = self._beside.get(code, 0) + 1

    def count(self, batch: OpenBatch, codes: Codes, objects: NDArray[np.int64]) -> None:
        """The batch is closed: how many objects it has of each of its sensors (ascending, each once)."""
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

    def due(self, now_ns: int) -> list[Told]:
        """Look at what came since the last call: floods that began, go on or ended."""
        span_ns, self._looked_ns = now_ns - self._looked_ns, now_ns
        beside, self._beside = self._beside, {}
        for code, messages in beside.items():
            if code in self._suspects:
                self._suspects[code].messages += messages
        told = []
        if 0 < span_ns <= TURN_MAX_NS:
            untimed = sum(not suspect.timed for suspect in self._suspects.values() if suspect.messages)
            for code in list(self._suspects):
                told += self._look(code, span_ns, now_ns, patient=untimed > MANY)
            self._suspect(span_ns, beside)
        for suspect in self._suspects.values():
            suspect.messages, suspect.seconds = 0, set()
        self._objects[:] = 0
        return told

    def _look(self, code: int, span_ns: int, now_ns: int, *, patient: bool) -> list[Told]:
        """What the last turn says of a device under watch."""
        suspect = self._suspects[code]
        rate = suspect.messages / max(span_ns / SECOND_NS, len(suspect.seconds))
        if rate <= self._rate_max:
            suspect.over_ns, suspect.under_ns, suspect.excess = 0, suspect.under_ns + span_ns, 0
            return self._end(code, suspect) if suspect.under_ns >= SUSTAINED_NS else []
        suspect.over_ns, suspect.under_ns = suspect.over_ns + span_ns, 0
        suspect.excess += suspect.messages - int(self._rate_max * span_ns / SECOND_NS)
        sure_ns = BACKLOG_NS if patient and not suspect.timed else SUSTAINED_NS
        if not suspect.told_ns and suspect.over_ns < sure_ns:
            return []
        if not suspect.told_ns:
            self._ledger.note(RATE_TOLD, code)
        again = not 0 <= now_ns - suspect.told_ns < AGAIN_NS
        rows, suspect.excess = suspect.excess, 0
        suspect.told_ns = now_ns if again else suspect.told_ns
        return [Told(code, rate if again else None, rows)]

    def _end(self, code: int, suspect: _Suspect) -> list[Told]:
        """No longer under watch; a flood that was told is over."""
        del self._suspects[code]
        if not suspect.told_ns:
            return []
        self._ledger.note(RATE_TOLD, code, -1)
        return [Told(code, 0.0)]

    def _suspect(self, span_ns: int, beside: dict[int, int]) -> None:
        """Put under watch whoever gave more objects, or other messages, than the bound allows messages."""
        bound = self._rate_max * span_ns / SECOND_NS
        for code in (*np.flatnonzero(self._objects > bound).tolist(), *beside):
            if beside.get(code, bound) >= bound and len(self._suspects) < SUSPECTS_MAX:
                self._suspects.setdefault(code, _Suspect())

    def _watch(self, batch: OpenBatch, watched: list[int]) -> None:
        """Messages are told apart by their frames; an array is one, however many objects it has."""
        sensor, arrival, _ = batch.item_columns()
        times, origin = np.frombuffer(batch.time_ns, np.int64), batch.origin
        for code in watched:
            items = np.array([item for item in np.flatnonzero(sensor == code).tolist() if origin[item][2]], np.int64)
            if not len(items):  # only the service itself spoke of it
                continue
            own, suspect = times[items], self._suspects[code]
            suspect.timed = bool((own != arrival[items]).any())
            suspect.seconds.update(np.unique(own // SECOND_NS).tolist())
            suspect.messages += len({id(origin[item]) for item in items.tolist()})


class Names:
    """How many names that nobody knows each site gives within a minute.

    Names of the campus file are not counted. The first start of a large site that has none is told like a flood: its
    sensors are unknown to everybody.
    """

    def __init__(self, catalog: Catalog, ledger: Ledger, *, names_max: int) -> None:
        """names_max: new names of a site within WINDOW_NS that are nothing to speak of."""
        self._catalog, self._ledger, self._names_max = catalog, ledger, names_max
        self._met: dict[str, deque[tuple[int, int]]] = {}
        self._recalled = [catalog[code].site for code in ledger.where(NAMES_TOLD) if code < len(catalog)]
        self._told_ns = dict.fromkeys(self._recalled, 1)

    def due(self, now_ns: int) -> list[Told]:
        """Look at what came since the last call: floods that began, go on or ended."""
        fresh, told = self._catalog.drain_met(), list[Told]()
        for site in self._recalled:  # what there was in the last minute is not known: as much as is no end
            self._met.setdefault(site, deque()).append((now_ns, self._names_max))
        self._recalled = []
        for site, names in fresh.items():
            self._met.setdefault(site, deque()).append((now_ns, names))
        for site in {**self._met, **self._told_ns}:
            met = self._met.setdefault(site, deque())
            while met and not 0 <= now_ns - met[0][0] < WINDOW_NS:
                met.popleft()
            with suppress(CatalogFull):  # where not even the service has a name left, nothing is told
                told += self._look(site, fresh.get(site, 0), now_ns)
            if not met:
                del self._met[site]
        return told

    def _look(self, site: str, fresh: int, now_ns: int) -> list[Told]:
        """What the last minute says of a site."""
        names, told_ns = sum(number for _, number in self._met[site]), self._told_ns.get(site, 0)
        if names <= self._names_max and (not told_ns or 2 * names > self._names_max):
            return []
        speaker = self._catalog.speaker(site)
        if names <= self._names_max:
            del self._told_ns[site]
            self._ledger.note(NAMES_TOLD, speaker, -1)
            return [Told(speaker, 0.0)]
        if not told_ns:
            self._ledger.note(NAMES_TOLD, speaker)
        again = not 0 <= now_ns - told_ns < AGAIN_NS
        if again:
            self._told_ns[site] = now_ns
        return [Told(speaker, float(names) if again else None, fresh if told_ns else names)]
