"""Smallest change that would have prevented a detection, in Chinese and English."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from detectors.recipes.kinds import Rule
from detectors.wording import quantity, span

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Cause:
    """Facts of a detection that decide whether it is raised.

    least: lowest level of its rule; lift, baseline: least distance above the normal value, 0 without one; grant_s: time
    that an access grant covers.
    """

    kind: str
    unit: str
    value: float | None = None
    limit: float | None = None
    window_s: float = 0.0
    falling: bool = False
    least: bool = True
    lift: float = 0.0
    baseline: float | None = None
    grant_s: float = 0.0
    rule: Rule | None = None
    level: int = 0
    hazard: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def change_words(cause: Cause) -> dict[str, str] | None:
    """Return the smallest change as {"zh", "en"}, None for a state that its device has decided.

    >>> change_words(Cause("threshold", "dB/m", value=0.14, limit=0.1, window_s=60))["en"]
    'No alarm below 0.10 dB/m (now 0.14 dB/m), or for less than 60 s'
    >>> change_words(Cause("threshold", "bool", value=1.0, limit=1.0)) is None
    True
    """
    phrase = _PHRASES.get(cause.kind)
    words = phrase(cause) if phrase else None
    return whole_words(words, least=cause.least) if words else None


def whole_words(words: Pair, *, least: bool) -> dict[str, str]:
    """Return a change with its end: no alarm, or not this level above the lowest one.

    >>> whole_words(("停留不足 30 秒，", "for a stay of less than 30 s"), least=True)["en"]
    'No alarm for a stay of less than 30 s'
    """
    zh, en = words
    end_zh, end_en = ("不会报警", "No alarm") if least else ("不会达到此级别", "Not this level")
    return {"zh": f"{zh}则{end_zh}", "en": f"{end_en} {en}"}


def _threshold(cause: Cause) -> Pair | None:
    shorter = span(cause.window_s)
    if cause.unit == "bool":
        return (f"信号持续不足 {shorter[0]}，", f"for less than {shorter[1]}") if cause.window_s else None
    if cause.value is None or cause.limit is None:
        return None
    limit = cause.limit
    if cause.lift and cause.baseline is not None:
        limit = max(limit, cause.baseline + cause.lift)
    side_zh, side_en = ("高于", "above") if cause.falling else ("低于", "below")
    shown, now = quantity(limit, cause.unit), quantity(cause.value, cause.unit)
    zh, en = f"{side_zh} {shown}（现为 {now}）", f"{side_en} {shown} (now {now})"
    if cause.window_s:
        zh, en = f"{zh}，或持续不足 {shorter[0]}", f"{en}, or for less than {shorter[1]}"
    return f"{zh}，", en


def _rise(cause: Cause) -> Pair | None:
    if cause.value is None or cause.limit is None:
        return None
    zh, en = span(cause.window_s)
    way_zh, way_en = ("下降", "fall") if cause.falling else ("上升", "rise")
    shown, now = quantity(cause.limit, cause.unit), quantity(cause.value, cause.unit)
    return (
        f"{zh}内{way_zh}不足 {shown}（现为 {now}），",
        f"with a {way_en} under {shown} within {en} (now {now})",
    )


def _lasting(cause: Cause) -> Pair | None:
    zh, en = span(cause.window_s)
    return (f"持续不足 {zh}，", f"for less than {en}") if cause.window_s else None


def _silence(cause: Cause) -> Pair | None:
    zh, en = span(cause.limit or 0.0)
    return (f"{zh}内有一条消息，", f"with one message within {en}") if cause.value else None


def _forced(cause: Cause) -> Pair:
    zh, en = span(cause.grant_s)
    return f"开门前 {zh}内有授权，", f"with a grant in the {en} before"


_PHRASES: Mapping[str, Callable[[Cause], Pair | None]] = {
    "threshold": _threshold,
    "rise": _rise,
    "held": _lasting,
    "seen": _lasting,
    "silence": _silence,
    "forced": _forced,
    "stuck": lambda _: ("读数有一次变化，", "with one change of the reading"),
    "invalid": lambda _: ("其间有一个有效读数，", "with one valid reading between them"),
    "after_hours": lambda _: ("在开放时间内，", "within opening hours"),
}
