"""Sentences of forecasts to a limit in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detectors.wording import quantity, span

_MINUTE_NS = 60_000_000_000


def raised_words(limit: float, unit: str, forecast: Mapping[str, Any] | None, belief: float | None) -> tuple[str, str]:
    """Return the sentences of a forecast.

    >>> forecast = {"issued_ns": 0, "low_ns": 31 * 60 * 10**9, "at_ns": 42 * 60 * 10**9, "high_ns": 58 * 60 * 10**9,
    ...             "share": 0.8, "held": 79, "of": 98}
    >>> raised_words(1.7, "m", forecast, None)[1]
    'reaches 1.70 m in 42 min (80 %: 31 to 58); past intervals held 79 of 98 times'
    """
    shown = quantity(limit, unit)
    if forecast is None:
        return f"预计达到 {shown}", f"expected to reach {shown}"
    low, at, high = (
        round((forecast[name] - forecast["issued_ns"]) / _MINUTE_NS) for name in ("low_ns", "at_ns", "high_ns")
    )
    share = round(100 * forecast["share"])
    zh = f"预计 {at} 分钟后达到 {shown}（{share}%：{low} 至 {high} 分钟）"
    en = f"reaches {shown} in {at} min ({share} %: {low} to {high})"
    if belief is not None:
        zh, en = f"{zh}，可能性 {round(100 * belief)}%", f"{en}, probability {round(100 * belief)} %"
    if forecast["of"]:
        held, of = forecast["held"], forecast["of"]
        zh, en = f"{zh}；以往区间 {of} 次中 {held} 次成立", f"{en}; past intervals held {held} of {of} times"
    return zh, en


def cleared_words(limit: float, unit: str) -> tuple[str, str]:
    """Return the sentences of the end of a forecast."""
    shown = quantity(limit, unit)
    return f"不再预计达到 {shown}", f"no longer expected to reach {shown}"


def clearing_words(limit: float, unit: str, clear_s: float) -> tuple[str, str]:
    """Return the sentences of the condition that ends a forecast."""
    (zh, en), shown = span(clear_s), quantity(limit, unit)
    return f"{zh}内不再预计达到 {shown} 后解除", f"Clears when {shown} has not been expected for {en}"
