"""Readings with a doubt about their time: evaluated at their arrival, and named in the evidence.

The intake writes the doubt into the attributes of a row. `standing` marks a retained life-safety state at a connect;
the other retained copies are no events and are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ingest import Quality, TelemetryBatch

STANDING = "standing"
_RETAINED = int(Quality.RETAINED)
_WORDS: Mapping[str, tuple[str, str]] = {
    STANDING: ("接入时已存在，开始时间未知", "standing, since an unknown time"),
    "time_format": ("设备时间无法识别，按到达时间", "the device's time cannot be read; time of arrival"),
    "time_past": ("设备时钟错误，按到达时间", "the device's clock is wrong; time of arrival"),
    "time_future": ("设备时钟错误，按到达时间", "the device's clock is wrong; time of arrival"),
    "clock_unknown": ("设备时钟未经确认，按到达时间", "the device's clock is not confirmed; time of arrival"),
}


def at_arrival(batch: TelemetryBatch) -> TelemetryBatch:
    """Return the batch to score: doubtful rows at their arrival, without the retained copies that show no danger.

    A retained copy moves no clock and no timer, and is no sign of a live sensor.
    """
    if not batch.attributes and len(batch) == 1:  # a reading alone: the numpy calls would be a fifth of its cost
        return batch if batch.quality.item() != _RETAINED else batch.select(slice(0, 0))
    doubts = {row: dims["doubt"] for row, dims in batch.attributes.items() if "doubt" in dims}
    left_out = batch.quality == Quality.RETAINED
    if doubts:
        rows = np.fromiter(doubts, np.int64, len(doubts))
        time_ns, quality = batch.time_ns.copy(), batch.quality.copy()
        time_ns[rows] = batch.arrival_ns[rows]
        standing = rows[np.array([doubt == STANDING for doubt in doubts.values()], np.bool_)]
        quality[standing] = Quality.GOOD
        left_out[standing] = False
        batch = replace(batch, time_ns=time_ns, quality=quality)
    return batch.select(np.flatnonzero(~left_out)) if left_out.any() else batch


def doubtful(batch: TelemetryBatch) -> NDArray[np.int64]:
    """Return the rows with a doubt, ascending."""
    return np.array(sorted(row for row, dims in batch.attributes.items() if "doubt" in dims), np.int64)


def standing(batch: TelemetryBatch) -> NDArray[np.int64]:
    """Return the rows of standing states, ascending."""
    return np.array(sorted(row for row, dims in batch.attributes.items() if dims.get("doubt") == STANDING), np.int64)


def with_doubt(text: Mapping[str, str], doubt: str) -> dict[str, str]:
    """Return the sentence of a detection with the doubt about its time.

    >>> with_doubt({"zh": "烟雾报警", "en": "Smoke alarm"}, "standing")["en"]
    'Smoke alarm (standing, since an unknown time)'
    """
    zh, en = _WORDS.get(doubt, _WORDS["clock_unknown"])
    return {**text, "zh": f"{text['zh']}（{zh}）", "en": f"{text['en']} ({en})"}
