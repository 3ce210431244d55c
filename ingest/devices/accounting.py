"""What became of every reading: counts that balance, a bounded sample of what was refused, the sealed batch.

Per (site, format): received = stored + duplicate + the sum of quarantined. The unit is the reading; a message that
cannot be decoded at all counts as one received and one quarantined. Notices stand beside the sum. What can be told of a
device is in the ledger too, and balances there by itself; the rest of a site is the difference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from .ledger import Ledger

REASONS: Mapping[str, str] = {
    "utf8": "topic or payload is not UTF-8",
    "json": "payload is not JSON (cut short, or another format)",
    "not_object": "JSON is neither an object nor an array of objects",
    "empty": "payload is empty, or names no metric",
    "retained": "a reading kept by the broker; refused before such readings had a quality of their own",
    "too_large": "payload is over the size limit",
    "topic": "no decoder speaks for this topic",
    "kind": "the kind in the topic is none of the six",
    "sensor_name": "site or sensor name has other characters than [A-Za-z0-9._-], or more than 64",
    "metric_name": "metric name is ill-formed",
    "type": "value is neither number, boolean nor null",
    "not_finite": "value is NaN or infinite",
    "time_format": "time is neither RFC 3339 with offset nor epoch milliseconds",
    "time_past": "time is further back than readings are taken",
    "time_future": "time is more than a day ahead",
    "depth": "JSON is nested too deeply",
    "sensor_limit": "the catalogue holds its limit of sensors",
    "metric_limit": "the catalogue holds its limit of metrics",
    "undescribed": "the message that says what this one means has not come yet",
    "template": "the announcement needs a template that is not understood",
    "internal": "the decoder failed; a programming error",
}
"""Why a reading is refused: code -> one line for people. Codes are part of stored data."""

NOTICES: Mapping[str, str] = {
    "ignored": "the message rightly holds no reading",
    "out_of_range": "value outside the metric's valid range, stored with quality fault",
    "time_future": "time up to a day ahead, stored under the arrival time",
    "clock_corrected": "stored at another time than told: the device's clock is known to be off",
    "unknown_metric": "a metric that nobody described, kept as kind env",
    "personal_data": "a name, card number or plate was left out",
    "retained": "a state kept by the broker, stored as such: no event and no sign of life",
    "seq": "seq is no integer and was left out",
    "no_codec": "a device whose bytes the network server could not decode",
    "history_without_time": "an old value without its time",
    "sensor_fault": "the sensor says that it cannot measure",
    "distrusted": "values that the device itself marks as doubtful",
    "data_gap": "messages that did not come, by the device's running numbers",
    "excess": "messages of a device beyond the rate that a device may have, while it floods",
    "new_names": "names that nobody knows, while they flood in",
    "seq_gap": "messages of a node are missing: it was asked to tell its state anew",
    "unknown_event": "an event whose code is in no table",
    "replayed": "a refused message that was taken in again",
    "other": "a notice of a decoder under a name of its own",
}
"""What was taken although something about it is worth knowing: code -> one line for people."""

MENDABLE = frozenset(
    ("topic", "kind", "time_past", "time_future", "sensor_limit", "metric_limit", "undescribed", "template", "internal")
)
"""Reasons whose cause can be mended: these messages are kept whole, to be taken in again."""

WHOLE_BYTES = 65_536
SAMPLE_BYTES = 2048
TOPIC_BYTES = 512
DETAIL_CHARACTERS = 200
OTHER_SITE = "_other"
REFUSED = "quarantined "
UNSTORED = "unstored"
"""Columns of the ledger are named as the outcomes; refused readings with REFUSED before the reason, received ones as
UNSTORED where they were not stored: of nearly all devices there is then one figure a batch."""

NO_DEVICE = -1
"""In place of a sensor's code: nobody knows which, or it has none."""

Outcome = Literal["received", "stored", "duplicate", "quarantined", "notice"]


class Count(NamedTuple):
    """One line of the accounts; reason is "" unless the outcome is quarantined or notice."""

    site: str
    format: str
    outcome: Outcome
    reason: str = ""


class Charge(NamedTuple):
    """Refused rows of a message, and the sensor that they are counted for."""

    reason: str
    rows: int
    device: int = NO_DEVICE


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One refused message as kept for people: payload is masked and cut to SAMPLE_BYTES.

    whole: the message's own bytes where it can be taken in again, and counts: what it stands for in the accounts; both
    empty otherwise.
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
    """A refused message that is to be taken in again, as it came then."""

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
    """Where readings come from: the unit of the accounts."""

    site: str
    format: str


class Refusal(NamedTuple):
    """One refused message or value, before it is known whether the sample has room."""

    reason: str
    detail: str
    arrival_ns: int
    topic: bytes
    payload: bytes
    counts: tuple[Charge, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing of the message was taken, its cause can be mended, and it is small enough to be kept."""
        fits = len(self.payload) <= WHOLE_BYTES and len(self.topic) <= TOPIC_BYTES
        return fits and bool(self.counts) and all(charge.reason in MENDABLE for charge in self.counts)

    def sampled(self, source: Source) -> Quarantined:
        """As kept for people."""
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
    """The start of a payload as kept in the quarantine: values of keys that speak of people are masked."""
    return _PERSONAL.sub(rb'\1"***"', payload[: SAMPLE_BYTES * 2])[:SAMPLE_BYTES]


def _column(outcome: Outcome, reason: str) -> str:
    """Where the ledger keeps it."""
    if outcome == "quarantined":
        return REFUSED + reason
    return UNSTORED if outcome == "received" else reason or outcome


class Accounts:
    """Adds up outcomes between two seals. `quarantine_max` bounds the sample of one batch; the counts are exact.

    Each (site, format, reason) is sampled `same_max` times a batch, so that one mad device cannot fill the sample;
    `sites_max` bounds how many sites from the wire get lines of their own, the rest add up under OTHER_SITE.
    """

    def __init__(
        self,
        ledger: Ledger | None = None,
        *,
        quarantine_max: int = 100,
        same_max: int = 5,
        sites_max: int = 20_000,
    ) -> None:
        """ledger: for the accounts of devices."""
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
        """The name under which a site is counted."""
        if site in self._sites:
            return site
        if len(self._sites) >= self._sites_max:
            return OTHER_SITE
        self._sites.add(site)
        return site

    def add(
        self, source: Source, outcome: Outcome, *, rows: int = 1, reason: str = "", device: int = NO_DEVICE
    ) -> None:
        """Count rows under an outcome, and for a device where one is named; nothing for zero rows."""
        if rows and device != NO_DEVICE:
            self.ledger.note(_column(outcome, reason), device, rows)
        if rows:
            key = Count(self.site(source.site), source.format, outcome, reason)
            self._counts[key] = self._counts.get(key, 0) + rows

    def refuse(
        self, source: Source, refusal: Refusal, *, rows: int = 1, received: bool = True, device: int = NO_DEVICE
    ) -> None:
        """Count rows as quarantined (and as received, unless the caller did) and keep a sample if there is room."""
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
        """Counts and sample since the last call; starts anew."""
        taken = self._counts, self._quarantine
        self._counts, self._quarantine, self._sampled = {}, [], {}
        return taken


def residual(counts: Mapping[Count, int]) -> dict[tuple[str, str], int]:
    """Received less everything it became, by (site, format); all zero when the accounts balance."""
    left: dict[tuple[str, str], int] = {}
    sign = {"received": 1, "stored": -1, "duplicate": -1, "quarantined": -1, "notice": 0}
    for count, rows in counts.items():
        place = count.site, count.format
        left[place] = left.get(place, 0) + sign[count.outcome] * rows
    return left
