"""The last step before a batch is sealed: judge every row, count it under its source, keep what may be stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ingest.devices.accounting import UNSTORED, Accounts, Charge, Outcome, Refusal, Source
from ingest.devices.clocks import Clocks
from ingest.devices.ledger import distinct
from ingest.frame import RETAIN
from ingest.telemetry import TelemetryBatch
from ingest.vocabulary import Quality

from .batch import OpenBatch
from .validate import Verdict, check


class Sources:
    """Sources as small numbers, and which one each sensor of the hot path belongs to."""

    SERVICE = 0
    """Readings that the service writes itself: outside the accounts."""

    def __init__(self) -> None:
        self._index: dict[Source, int] = {Source("", ""): self.SERVICE}
        self.names: list[Source] = list(self._index)
        self._of_sensor = np.zeros(1024, np.int32)

    def index(self, source: Source) -> int:
        """The number of a source, given at first use."""
        index = self._index.get(source)
        if index is None:
            index = self._index[source] = len(self.names)
            self.names.append(source)
        return index

    def assign(self, sensor: int, source: Source) -> None:
        """Readings of that sensor code belong to the source, unless an item says otherwise."""
        if sensor >= len(self._of_sensor):
            grown = np.zeros(2 * sensor, np.int32)
            grown[: len(self._of_sensor)] = self._of_sensor
            self._of_sensor = grown
        self._of_sensor[sensor] = self.index(source)

    def of_items(self, sensor: NDArray[np.int32], told: Mapping[int, int]) -> NDArray[np.int32]:
        """Source of each item; `told` holds those that do not follow from the sensor."""
        source = self._of_sensor[np.minimum(sensor, len(self._of_sensor) - 1)]
        if told:
            source[np.fromiter(told, np.int64, len(told))] = np.fromiter(told.values(), np.int32, len(told))
        return source


def settle(batch: OpenBatch, sources: Sources, accounts: Accounts, clocks: Clocks, *, past_ns: int) -> TelemetryBatch:
    """The rows that may be stored, at the times that they are; every row of the batch is in the accounts afterwards."""
    raw = batch.close()
    if not len(raw):
        return raw
    item_source = sources.of_items(np.frombuffer(batch.sensor, np.int32), batch.source)
    source = batch.per_row(item_source)
    raw, corrected = _corrected(raw, batch, item_source, clocks)
    verdict = check(raw, past_ns=past_ns)
    refused = verdict.refused
    _count(accounts, sources, "received", source)
    _count(accounts, sources, "stored", source[~refused] if refused.any() else source)
    _book(accounts, raw.sensor, source != Sources.SERVICE, refused)
    for reason, rows in (
        ("time_future", verdict.ahead),
        ("out_of_range", verdict.outside),
        ("unknown_metric", verdict.unknown),
        ("clock_corrected", corrected & ~refused),
        ("retained", (raw.quality == Quality.RETAINED) & ~refused),
    ):
        if rows.any():
            _count(accounts, sources, "notice", source[rows], reason=reason)
    if refused.any():
        _refuse(batch, verdict, source, sources, accounts)
    return _kept(raw, verdict)


def _corrected(
    raw: TelemetryBatch, batch: OpenBatch, source: NDArray[np.int32], clocks: Clocks
) -> tuple[TelemetryBatch, NDArray[np.bool_]]:
    """The rows at the times that their devices' clocks would tell if they were right, and which ones moved."""
    sensor, arrival, quality = batch.item_columns()
    told = np.frombuffer(batch.time_ns, np.int64)
    timed = (told != arrival) & (source != Sources.SERVICE) & (quality != Quality.HISTORICAL)
    kept = quality == Quality.RETAINED  # its time is the device's too, but of then
    right = clocks.correct(sensor, told, arrival, timed & ~kept, also=timed & kept)
    if right is told:
        return raw, np.zeros(len(raw), np.bool_)
    return replace(raw, time_ns=batch.per_row(right)), batch.per_row(right != told)


def _kept(raw: TelemetryBatch, verdict: Verdict) -> TelemetryBatch:
    whole = TelemetryBatch(
        sensor=raw.sensor,
        metric=raw.metric,
        time_ns=verdict.time_ns,
        arrival_ns=raw.arrival_ns,
        value=raw.value,
        quality=verdict.quality,
        attributes=raw.attributes,
    )
    return whole.select(np.flatnonzero(~verdict.refused)) if verdict.refused.any() else whole


def _count(
    accounts: Accounts, sources: Sources, outcome: Outcome, source: NDArray[np.int32], *, reason: str = ""
) -> None:
    rows = np.bincount(source)
    for index in np.flatnonzero(rows).tolist():
        if index != Sources.SERVICE:
            accounts.add(sources.names[index], outcome, rows=int(rows[index]), reason=reason)


def _book(accounts: Accounts, sensor: NDArray[np.int32], theirs: NDArray[np.bool_], refused: NDArray[np.bool_]) -> None:
    """The same two counts by device; theirs: rows that are not the service's own."""
    if refused.any():
        accounts.ledger.add(UNSTORED, *distinct(sensor[theirs & refused]))
        theirs &= ~refused
    accounts.ledger.add("stored", *distinct(sensor if theirs.all() else sensor[theirs]))


def _refuse(
    batch: OpenBatch, verdict: Verdict, source: NDArray[np.int32], sources: Sources, accounts: Accounts
) -> None:
    item_of_row = batch.per_row(np.arange(batch.items))
    arrival = batch.per_row(batch.item_columns()[1])
    sensor = batch.per_row(batch.item_columns()[0]).tolist()
    whole = _whole(batch, verdict, item_of_row, sensor)
    for reason, rows in (("time_past", verdict.past), ("time_future", verdict.future)):
        for row in np.flatnonzero(rows).tolist():
            _, _, topic, payload = frame = batch.origin[item_of_row[row]]
            counts = () if frame[0] & RETAIN else whole.pop(id(frame), ())  # taken in again, it would be news
            refusal = Refusal(reason, "", int(arrival[row]), topic, payload, counts)
            accounts.refuse(sources.names[source[row]], refusal, received=False, device=sensor[row])


def _whole(
    batch: OpenBatch, verdict: Verdict, item_of_row: NDArray[np.int64], sensor: Sequence[int]
) -> dict[int, tuple[Charge, ...]]:
    """Messages of which no row may be stored, by the identity of their frame: what each stands for in the accounts."""
    counts: dict[int, dict[tuple[str, int], int]] = {}
    taken = {id(batch.origin[item]) for item in np.unique(item_of_row[~verdict.refused]).tolist()}
    for reason, rows in (("time_past", verdict.past), ("time_future", verdict.future)):
        for row in np.flatnonzero(rows).tolist():
            frame = id(batch.origin[item_of_row[row]])
            if frame not in taken:
                found = counts.setdefault(frame, {})
                place = reason, sensor[row]
                found[place] = found.get(place, 0) + 1
    return {
        frame: tuple(Charge(reason, rows, device) for (reason, device), rows in found.items())
        for frame, found in counts.items()
    }
