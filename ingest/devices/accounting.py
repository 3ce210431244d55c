"""Reading accounts: balanced counts by site and format, and a bounded sample of rejected messages.

Per (site, format): received = stored + duplicate + the sum of quarantined. The unit is the reading; a message that
cannot be decoded counts as one received and one quarantined. Notices are outside the sum. Counts with a known device
are in the ledger too and balance there; the rest of a site is the difference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from .ledger import Ledger
from .reasons import FIXABLE

WHOLE_BYTES = 65_536
SAMPLE_BYTES = 2048
TOPIC_BYTES = 512
DETAIL_CHARACTERS = 200
OTHER_SITE = "_other"
REFUSED = "quarantined "
UNSTORED = "unstored"
"""Ledger columns have the names of the outcomes. Rejected readings have REFUSED before the reason. Received readings
that were not stored are UNSTORED, so that most devices need one number per batch."""

NO_DEVICE = -1
"""Sensor code of an unknown sensor, or of one without a code."""

Outcome = Literal["received", "stored", "duplicate", "quarantined", "notice"]


class Count(NamedTuple):
    """One line of the accounts; reason is "" unless the outcome is quarantined or notice."""

    site: str
    format: str
    outcome: Outcome
    reason: str = ""


class Charge(NamedTuple):
    """Rejected rows of a message, and the sensor that they count for."""

    reason: str
    rows: int
    device: int = NO_DEVICE


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One quarantined message: payload is masked and cut to SAMPLE_BYTES for display.

    whole: the complete payload of a message that can be reprocessed; counts: its charges in the accounts; both empty
    otherwise.
    """

    arrival_ns: int
    site: str
    format: str
    topic: str
    reason: str
    detail: str
    payload: bytes
    whole: bytes = b""
    counts: tuple[Charge, ...] = ()


class Waiting(NamedTuple):
    """A quarantined message to reprocess, with its original arrival."""

    id: int
    arrival_ns: int
    site: str
    format: str
    topic: str
    payload: bytes
    counts: Sequence[Charge]


@dataclass(frozen=True, slots=True)
class Counts:
    """Durable fact: rows to add to the accounts."""

    rows: Mapping[Count, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.rows)


@dataclass(frozen=True, slots=True)
class QuarantineChanges:
    """Durable fact: changes to the quarantine, applied in this order.

    reprocessed: ids of quarantined messages that leave it; rejected: a bounded sample of new messages; retry_topics:
    topics whose quarantined messages are to be reprocessed, because the cause is fixed.
    """

    rejected: Sequence[Quarantined] = ()
    reprocessed: Sequence[int] = ()
    retry_topics: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.rejected or self.reprocessed or self.retry_topics)


class Source(NamedTuple):
    """Site and format of readings: the unit of the accounts."""

    site: str
    format: str


class Refusal(NamedTuple):
    """One rejected message or value, before sampling."""

    reason: str
    detail: str
    arrival_ns: int
    topic: bytes
    payload: bytes
    counts: tuple[Charge, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether no row was stored, the cause is fixable, and the size is within the limit."""
        fits = len(self.payload) <= WHOLE_BYTES and len(self.topic) <= TOPIC_BYTES
        return fits and bool(self.counts) and all(charge.reason in FIXABLE for charge in self.counts)

    def sampled(self, source: Source) -> Quarantined:
        """Return the form that the quarantine stores."""
        return Quarantined(
            arrival_ns=self.arrival_ns,
            site=source.site,
            format=source.format,
            topic=self.topic[:TOPIC_BYTES].decode(errors="replace"),
            reason=self.reason,
            detail=self.detail[:DETAIL_CHARACTERS],
            payload=sample(self.payload),
            whole=self.payload if self.whole else b"",
            counts=self.counts if self.whole else (),
        )


_PERSONAL = re.compile(
    rb'("[A-Za-z_]*(?:name|card|plate|person|face|holder|student|pupil|phone|mobile|user|badge|employee)[A-Za-z_]*"'
    rb'\s*:\s*)("(?:[^"\\]|\\.)*"?|-?\d[\d.]*)',
    re.IGNORECASE | re.DOTALL,
)


def sample(payload: bytes) -> bytes:
    """Return the start of a payload for the quarantine, with values of personal keys masked."""
    return _PERSONAL.sub(rb'\1"***"', payload[: SAMPLE_BYTES * 2])[:SAMPLE_BYTES]


def _column(outcome: Outcome, reason: str) -> str:
    """Return the ledger column of an outcome."""
    if outcome == "quarantined":
        return REFUSED + reason
    return UNSTORED if outcome == "received" else reason or outcome


class Accounts:
    """Sums outcomes between two seals. `quarantine_max` bounds the sample of one batch; the counts are exact.

    A batch samples each (site, format, reason) `same_max` times, so that one faulty device cannot fill the sample.
    `sites_max` bounds the sites with counts of their own; all others are counted under OTHER_SITE.
    """

    def __init__(
        self,
        ledger: Ledger | None = None,
        *,
        quarantine_max: int = 100,
        same_max: int = 5,
        sites_max: int = 20_000,
    ) -> None:
        """ledger: accounts of devices."""
        self.ledger = Ledger() if ledger is None else ledger
        self._quarantine_max = quarantine_max
        self._same_max = same_max
        self._sites_max = sites_max
        self._sites: set[str] = set()
        self._counts: dict[Count, int] = {}
        self._quarantine: list[Quarantined] = []
        self._sampled: dict[Count, int] = {}
        self.unsampled_total = 0

    def __bool__(self) -> bool:
        return bool(self._counts)

    def site(self, site: str) -> str:
        """Return the account name of a site."""
        if site in self._sites:
            return site
        if len(self._sites) >= self._sites_max:
            return OTHER_SITE
        self._sites.add(site)
        return site

    def add(
        self, source: Source, outcome: Outcome, *, rows: int = 1, reason: str = "", device: int = NO_DEVICE
    ) -> None:
        """Count rows under an outcome, and for a device if given; zero rows count nothing."""
        if rows and device != NO_DEVICE:
            self.ledger.note(_column(outcome, reason), device, rows)
        if rows:
            key = Count(self.site(source.site), source.format, outcome, reason)
            self._counts[key] = self._counts.get(key, 0) + rows

    def refuse(
        self, source: Source, refusal: Refusal, *, rows: int = 1, received: bool = True, device: int = NO_DEVICE
    ) -> None:
        """Count rows as quarantined (and as received, unless the caller did); keep a sample within the bounds."""
        if received:
            self.add(source, "received", rows=rows, device=device)
        self.add(source, "quarantined", rows=rows, reason=refusal.reason, device=device)
        key = Count(source.site, source.format, "quarantined", refusal.reason)
        same = self._sampled.get(key, 0)
        if (same >= self._same_max and not refusal.whole) or len(self._quarantine) >= self._quarantine_max:
            self.unsampled_total += rows
            return
        self._sampled[key] = same + 1
        self._quarantine.append(refusal.sampled(source))

    def drain(self) -> tuple[dict[Count, int], list[Quarantined]]:
        """Return counts and sample since the last call."""
        taken = self._counts, self._quarantine
        self._counts, self._quarantine, self._sampled = {}, [], {}
        return taken


def residual(counts: Mapping[Count, int]) -> dict[tuple[str, str], int]:
    """Return received minus all outcomes, by (site, format); all zero when the accounts balance."""
    left: dict[tuple[str, str], int] = {}
    sign = {"received": 1, "stored": -1, "duplicate": -1, "quarantined": -1, "notice": 0}
    for count, rows in counts.items():
        place = count.site, count.format
        left[place] = left.get(place, 0) + sign[count.outcome] * rows
    return left
