"""Sentences of detections in groups of channels, in Chinese and English."""

from __future__ import annotations

from collections.abc import Sequence

from detectors.wording import NAMES, quantity
from ingest import Metric

Pair = tuple[str, str]
Words = tuple[Pair, Pair]


def group_words(metric: Metric, value: float | None, band: Sequence[float], numbers: Sequence[int]) -> Words:
    """Return the sentence of a deviation, or of its end without a value, and the condition that clears it.

    numbers: channels that deviate, and all that are scored.
    """
    zh, en = _name(metric)
    others, among = numbers
    clears = "所有通道回到常见水平后解除", "Clears when every channel is back at its usual level"
    if value is None:
        return (f"{zh}等通道已恢复常见水平", f"{en} and the other channels are back at their usual level"), clears
    now, low, high = (quantity(one, metric.unit) for one in (value, *band))
    return (
        f"{zh}偏离常见水平：现为 {now}（常见范围 {low} 至 {high}）；{among} 个通道中 {others} 个异常",
        f"{en} has left its usual level: now {now} (normal band {low} to {high}); {others} of {among} channels deviate",
    ), clears


def change_words(metric: Metric, value: float | None, band: Sequence[float]) -> Words:
    """Return the sentence of a change point, or of its end without a value, and the condition that clears it."""
    zh, en = _name(metric)
    clears = "变化记录后自动解除", "Clears by itself once the change is recorded"
    if value is None:
        return (f"{zh}的变化已记录", f"The change of {en} is recorded"), clears
    now, low, high = (quantity(one, metric.unit) for one in (value, *band))
    return (
        f"{zh}发生突变：现为 {now}，此前范围 {low} 至 {high}",
        f"{en} changes: now {now}; before, between {low} and {high}",
    ), clears


def _name(metric: Metric) -> Pair:
    return NAMES.get(metric.name, (f"指标 {metric.name}", metric.name))
