"""Smallest change that would have prevented a detection: stated in the evidence, and true."""

from __future__ import annotations

import numpy as np
import pytest

from detectors import Calendar, DetectionBatch, Phase, build, read_recipe
from detectors.explanation.changes import Cause, change_words
from ingest import Catalog, Sensor, from_columns

SECOND_NS = 1_000_000_000
RULE = {"name": "smoke", "type": "threshold", "hazard": "fire", "metric": "smoke_density", "levels": [1, 2]}
RECIPE = {"rule": [RULE | {"limits": [0.1, 0.3], "durations_s": [60, 10], "pages": [2]}]}


def detected(value: float, span_s: int) -> DetectionBatch:
    """Return the detections of smoke of one density every second, then clean air."""
    catalog = Catalog([Sensor(0, "s", "school-1", "smoke")])
    detector = build(read_recipe(RECIPE), catalog, Calendar())
    rows = span_s + 2
    times = (1_790_000_000 + np.arange(rows, dtype=np.int64)) * SECOND_NS
    values = np.where(np.arange(rows) <= span_s, value, 0.0)
    columns = {
        "sensor": np.zeros(rows, np.int32),
        "metric": np.full(rows, catalog.metric("smoke_density").code, np.int16),
        "time_ns": times,
        "arrival_ns": times,
        "value": values,
        "quality": np.zeros(rows, np.uint8),
    }
    return detector.update(from_columns(columns))


def test_stated_change_prevents_the_alarm() -> None:
    """Below the stated limit, or for less than the stated time, there is no detection."""
    found = detected(0.14, 60)
    assert found.phase.tolist() == [Phase.RAISE]
    assert found.evidence[0]["change"] == {
        "zh": "低于 0.10 dB/m（现为 0.14 dB/m），或持续不足 60 秒，则不会报警",
        "en": "No alarm below 0.10 dB/m (now 0.14 dB/m), or for less than 60 s",
    }
    assert len(detected(0.0999, 60)) == 0
    assert len(detected(0.14, 59)) == 0


def test_change_of_a_higher_level_prevents_only_this_level() -> None:
    """The lower level would stand; a clear states no change."""
    found = detected(0.4, 300)
    levels = {int(level): one for level, one in zip(found.level, found.evidence, strict=True)}
    assert levels[2]["change"]["en"] == "Not this level below 0.30 dB/m (now 0.40 dB/m), or for less than 10 s"
    assert 2 not in detected(0.29, 300).level


@pytest.mark.parametrize(
    ("cause", "zh", "en"),
    [
        (Cause("threshold", "bool", 1.0, 1.0), None, None),
        (Cause("threshold", "bool", 1.0, 1.0, 30), "信号持续不足 30 秒，则不会报警", "No alarm for less than 30 s"),
        (
            Cause("threshold", "m", 0.4, 0.5, falling=True),
            "高于 0.50 m（现为 0.40 m），则不会报警",
            "No alarm above 0.50 m (now 0.40 m)",
        ),
        (
            Cause("threshold", "Cel", 62.0, 54.0, lift=29.0, baseline=30.0),
            "低于 59.0 °C（现为 62.0 °C），则不会报警",
            "No alarm below 59.0 °C (now 62.0 °C)",
        ),
        (
            Cause("rise", "Cel", 12.0, 10.0, 300),
            "5 分钟内上升不足 10.0 °C（现为 12.0 °C），则不会报警",
            "No alarm with a rise under 10.0 °C within 5 min (now 12.0 °C)",
        ),
        (Cause("held", "bool", 1.0, 1.0, 120), "持续不足 2 分钟，则不会报警", "No alarm for less than 2 min"),
        (
            Cause("silence", "bool", 900.0, 600.0),
            "10 分钟内有一条消息，则不会报警",
            "No alarm with one message within 10 min",
        ),
        (Cause("silence", "bool", 0.0, 600.0), None, None),
        (
            Cause("forced", "bool", grant_s=10),
            "开门前 10 秒内有授权，则不会报警",
            "No alarm with a grant in the 10 s before",
        ),
        (Cause("battery", ""), None, None),
    ],
)
def test_each_kind_has_its_change_in_both_languages(cause: Cause, zh: str | None, en: str | None) -> None:
    """None for a state that its device has decided, and for a detector with sentences of its own."""
    assert change_words(cause) == (None if zh is None else {"zh": zh, "en": en})
