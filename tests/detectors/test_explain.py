"""Explanations of detections."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.explain import _CLEARS, _RAISED, clears, sentence
from detectors.phrases.fact import Fact
from ingest import METRICS

KINDS = _RAISED.keys() & _CLEARS.keys()
"""Kinds with sentences here; other detectors state their own."""
CHINESE = re.compile(r"[\u4e00-\u9fff]")
PREDICTION = {"left_low": 900, "left_high": 2000, "per_day": 144.0, "earliest": "2026-10-01", "latest": "2026-10-08"}


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    """Facts of any rule type over any metric."""
    metric = draw(st.sampled_from(METRICS))
    spans = st.sampled_from([0.0, 0.5, 60.0, 600.0, 90_000.0])
    dims = PREDICTION | {
        "left_low": draw(st.sampled_from([0, 900])), "left_high": draw(st.sampled_from([0, 2000])),
        "per_day": draw(st.sampled_from([None, 0.4, 144.0])),
    }  # fmt: skip
    return Fact(
        draw(st.sampled_from(sorted(KINDS))), draw(st.sampled_from(["fire", "flood", "gate_forced"])), metric.name,
        metric.unit, over=draw(st.booleans()), value=draw(st.none() | st.floats(-1e4, 1e4)),
        limit=draw(st.floats(0, 1e3)), window_s=draw(spans),
        clear_limit=draw(st.floats(0, 1e3)), clear_s=draw(spans), falling=draw(st.booleans()),
        lasted_s=draw(spans), behind=draw(st.integers(0, 3)), dims=dims,
    )  # fmt: skip


@given(facts())
def test_each_detection_has_a_sentence_and_a_clearing_condition_in_both_languages(fact: Fact) -> None:
    """No combination of facts lacks a text, and no English text contains Chinese."""
    for words in (sentence(fact), clears(fact)):
        assert CHINESE.search(words["zh"])
        assert words["en"]
        assert not CHINESE.search(words["en"].replace(fact.metric, ""))
        assert "None" not in words["en"] + words["zh"]


@pytest.mark.parametrize(
    ("fact", "en", "zh"),
    [
        ({"kind": "threshold", "metric": "co", "unit": "ppm", "value": 45.0, "limit": 30.0, "window_s": 120.0},
         "Carbon monoxide above 30.0 ppm for 2 min (now 45.0 ppm)",
         "一氧化碳在 2 分钟内持续高于 30.0 ppm（现为 45.0 ppm）"),
        ({"kind": "threshold", "metric": "smoke", "unit": "bool", "value": 1.0}, "Smoke detector in alarm",
         "烟感探测器报警"),
        ({"kind": "threshold", "metric": "battery", "unit": "%", "over": True},
         "Battery is no longer scored: the device reports a better metric", "电量不再单独检测：该设备另有更可靠的指标"),
        ({"kind": "rise", "metric": "temperature", "unit": "Cel", "value": 8.0, "limit": 5.0, "window_s": 60.0},
         "Temperature rose by 8.00 °C within 60 s (limit 5.00 °C)", "温度在 60 秒内上升 8.00 °C（限值 5.00 °C）"),
        ({"kind": "stuck", "metric": "level", "unit": "m", "value": 72_000.0},
         "Water level has not changed for 20 h; the sensor may be stuck", "水位读数已 20 小时没有变化，传感器可能卡死"),
        ({"kind": "silence", "metric": "online", "unit": "bool", "value": 600.0, "limit": 180.0},
         "No reading for 10 min (limit 3 min); its state is unknown",
         "已 10 分钟没有收到读数（限值 3 分钟），状态未知"),
        ({"kind": "silence", "metric": "online", "unit": "bool", "value": 600.0, "behind": 12},
         "Gateway offline: no message for 10 min; the state of 12 sensors behind it is unknown",
         "网关已离线（10 分钟没有消息），其下 12 个传感器状态未知"),
        ({"kind": "silence", "metric": "online", "unit": "bool", "over": True}, "Device reports again",
         "设备已恢复上报"),
        ({"kind": "held", "metric": "open", "unit": "bool", "lasted_s": 130.0}, "Gate has been open for 2.2 min",
         "门已开启 2.2 分钟未关"),
        ({"kind": "battery", "metric": "battery_low", "unit": "bool", "dims": PREDICTION},
         "Battery low; 900 to 2,000 messages left at 144 a day; it ends between 2026-10-01 and 2026-10-08",
         "电池电量低；还能发 900 至 2,000 条消息（每天约 144 条），预计 2026-10-01 至 2026-10-08 耗尽"),
    ],
)  # fmt: skip
def test_sentences_state_value_duration_and_limit(fact: dict[str, Any], en: str, zh: str) -> None:
    """The texts that people read, one for each rule type with numbers."""
    assert sentence(Fact(**{"hazard": "fire", **fact})) == {"en": en, "zh": zh}
