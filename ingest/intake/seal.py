"""Sealing of a batch: validate every row, count it by source, select the rows to store."""

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
from .doubts import Doubts
from .validate import Checked, check


class Sources:
    """Sources by index, and the source of each sensor of the hot path."""

    SERVICE = 0
    """Readings of the service itself: outside the accounts."""

    def __init__(self) -> None:
        self._index: dict[Source, int] = {Source("", ""): self.SERVICE}
        self.names: list[Source] = list(self._index)
        self._of_sensor = np.zeros(1024, np.int32)

    def index(self, source: Source) -> int:
        """Return the index of a source, assigned at first use."""
        index = self._index.get(source)
        if index is None:
            index = self._index[source] = len(self.names)
            self.names.append(source)
        return index

    def assign(self, sensor: int, source: Source) -> None:
        """Assign a source to a sensor code; an item may have another one."""
        if sensor >= len(self._of_sensor):
            grown = np.zeros(2 * sensor, np.int32)
            grown[: len(self._of_sensor)] = self._of_sensor
            self._of_sensor = grown
        self._of_sensor[sensor] = self.index(source)

    def of_items(self, sensor: NDArray[np.int32], exceptions: Mapping[int, int]) -> NDArray[np.int32]:
        """Return the source of each item; exceptions: items with another source than their sensor."""
        source = self._of_sensor[np.minimum(sensor, len(self._of_sensor) - 1)]
        if exceptions:
            source[np.fromiter(exceptions, np.int64, len(exceptions))] = np.fromiter(
                exceptions.values(), np.int32, len(exceptions)
            )
        return source


def settle(
    batch: OpenBatch, sources: Sources, accounts: Accounts, clocks: Clocks, doubts: Doubts, *, past_ns: int
) -> TelemetryBatch:
    """Return the valid rows with corrected times. Count every row of the batch in the accounts."""
    if not len(batch):
        return batch.close()
    item_source = sources.of_items(np.frombuffer(batch.sensor, np.int32), batch.source)
    source = batch.per_row(item_source)
    right, corrected, timed = _corrected(batch, item_source, clocks)
    stored, doubtful = doubts.resolve(batch, right, timed, clocks, past_ns=past_ns)
    raw = batch.close(stored)
    for item, reason in doubtful.items():
        accounts.add(sources.names[item_source[item]], "notice", rows=batch.rows[item], reason=reason)
    checked = check(raw, past_ns=past_ns)
    refused = checked.refused
    _count(accounts, sources, "received", source)
    _count(accounts, sources, "stored", source[~refused] if refused.any() else source)
    _record(accounts, raw.sensor, source != Sources.SERVICE, refused)
    for reason, rows in (
        ("time_future", checked.ahead),
        ("out_of_range", checked.outside),
        ("unknown_metric", checked.unknown),
        ("clock_corrected", corrected & ~refused),
        ("retained", (raw.quality == Quality.RETAINED) & ~refused),
    ):
        if rows.any():
            _count(accounts, sources, "notice", source[rows], reason=reason)
    if refused.any():
        _refuse(batch, raw, checked, source, sources=sources, accounts=accounts)
    return _kept(raw, checked)


def _corrected(
    batch: OpenBatch, source: NDArray[np.int32], clocks: Clocks
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the times of the items corrected for the device clocks, the mask of changed rows, and of present times."""
    sensor, arrival, quality = batch.item_columns()
    stated = np.frombuffer(batch.time_ns, np.int64)
    timed = batch.timed() & (source != Sources.SERVICE) & (quality != Quality.HISTORICAL)
    kept = quality == Quality.RETAINED  # its time is the device's too, but of an earlier moment
    right = clocks.correct(sensor, stated, arrival, timed & ~kept, also=timed & kept)
    return right, batch.per_row(right != stated), timed & ~kept


def _kept(raw: TelemetryBatch, checked: Checked) -> TelemetryBatch:
    whole = replace(raw, time_ns=checked.time_ns, quality=checked.quality)
    return whole.select(np.flatnonzero(~checked.refused)) if checked.refused.any() else whole


def _count(
    accounts: Accounts, sources: Sources, outcome: Outcome, source: NDArray[np.int32], *, reason: str = ""
) -> None:
    rows = np.bincount(source)
    for index in np.flatnonzero(rows).tolist():
        if index != Sources.SERVICE:
            accounts.add(sources.names[index], outcome, rows=int(rows[index]), reason=reason)


def _record(
    accounts: Accounts, sensor: NDArray[np.int32], theirs: NDArray[np.bool_], refused: NDArray[np.bool_]
) -> None:
    """Add both counts to the ledger, by device; theirs: rows of devices, not of the service."""
    if refused.any():
        accounts.ledger.add(UNSTORED, *distinct(sensor[theirs & refused]))
        theirs &= ~refused
    accounts.ledger.add("stored", *distinct(sensor if theirs.all() else sensor[theirs]))


def _refuse(
    batch: OpenBatch,
    raw: TelemetryBatch,
    checked: Checked,
    source: NDArray[np.int32],
    *,
    sources: Sources,
    accounts: Accounts,
) -> None:
    item_of_row = batch.per_row(np.arange(batch.items))
    arrival, sensor = raw.arrival_ns, raw.sensor.tolist()
    whole = _whole(batch, checked, item_of_row, sensor)
    for reason, rows in (("time_past", checked.past), ("time_future", checked.future)):
        for row in np.flatnonzero(rows).tolist():
            _, _, topic, payload = frame = batch.origin[item_of_row[row]]
            counts = (
                () if frame[0] & RETAIN else whole.pop(id(frame), ())
            )  # reprocessed, it would count as a live message
            refusal = Refusal(reason, "", int(arrival[row]), topic, payload, counts)
            accounts.refuse(sources.names[source[row]], refusal, received=False, device=sensor[row])


def _whole(
    batch: OpenBatch, checked: Checked, item_of_row: NDArray[np.int64], sensor: Sequence[int]
) -> dict[int, tuple[Charge, ...]]:
    """Return the account charges of messages without a valid row, by the identity of their frame."""
    counts: dict[int, dict[tuple[str, int], int]] = {}
    taken = {id(batch.origin[item]) for item in np.unique(item_of_row[~checked.refused]).tolist()}
    for reason, rows in (("time_past", checked.past), ("time_future", checked.future)):
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
