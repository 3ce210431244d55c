"""Smallest changes that would have prevented the detections of learned, fused and sensor-health rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from detectors.wording import quantity, span

from .changes import Cause, Pair

PER_CENT = 100.0


def own_change(cause: Cause) -> Pair | None:
    """Return the change in (Chinese, English), without its end; None for a kind without one."""
    phrase = _PHRASES.get(cause.kind)
    return phrase(cause) if phrase else None


def _step(cause: Cause) -> int:
    """Return the first step of the rule with the level."""
    return cause.rule.levels.index(cause.level) if cause.rule else 0


def _band(cause: Cause) -> Pair | None:
    band = cause.facts.get("band")
    if band is None or cause.value is None:
        return None
    low, high, now = (quantity(one, cause.unit) for one in (*band, cause.value))
    return f"读数在 {low} 至 {high} 之间（现为 {now}），", f"with readings from {low} to {high} (now {now})"


def _count(cause: Cause) -> Pair:
    limit, now = (quantity(one, cause.unit) for one in (cause.limit, cause.value))
    return f"30 分钟计数不超过 {limit}（现为 {now}），", f"with a count of at most {limit} within 30 min (now {now})"


def _score(cause: Cause) -> Pair | None:
    if cause.baseline is None:
        return None
    usual = quantity(cause.baseline, cause.unit)
    return f"该通道接近常见值 {usual}，", f"with this channel near its usual value of {usual}"


def _gauge(cause: Cause) -> Pair:
    if cause.hazard == "sensor_stuck":
        return "读数有一次变化，", "with one change of the reading"
    usual = quantity(cause.baseline, cause.unit)
    return f"读数接近此前的 {usual}，", f"with readings near {usual}, as before"


def _camera(cause: Cause) -> Pair:
    zh, en = span(cause.window_s)
    return f"{zh}内识别到一个目标，", f"with one object in the picture within {en}"


def _reach(cause: Cause) -> Pair:
    limit = quantity(cause.limit, cause.unit)
    belief = cause.facts.get("belief")
    if belief is not None:
        now = PER_CENT * belief
        return (
            f"涨势减缓，使达到 {limit} 的可能性更低（现为 {now:.0f} %），",
            f"with a slower rise, which makes {limit} less likely (now {now:.0f} %)",
        )
    zh, en = span(getattr(cause.rule, "within_s", 0.0))
    return f"涨势减缓，{zh}内不会达到 {limit}，", f"with a slower rise, which does not reach {limit} within {en}"


def _crowd(cause: Cause) -> Pair:
    limit, now = cause.limit or 0.0, cause.value or 0.0
    return (
        f"每平方米少于 {limit:g} 人且人数不再快速增加（现为 {now:g} 人），",
        f"below {limit:g} persons/m² without a fast rise (now {now:g})",
    )


def _stay(cause: Cause) -> Pair:
    zh, en = span(cause.window_s)
    return f"停留不足 {zh}，", f"for a stay of less than {en}"


def _charging(cause: Cause) -> Pair:
    zh, en = span(cause.limit or 0.0)
    return f"该负载持续不足 {zh}，", f"for a load of less than {en}"


def _burst(cause: Cause) -> Pair:
    limit, now = (PER_CENT * (one or 0.0) for one in (cause.limit, cause.value))
    return f"水压下降不足 {limit:.0f} %（现为 {now:.0f} %），", f"with a fall under {limit:.0f} % (now {now:.0f} %)"


def _leak(cause: Cause) -> Pair:
    limit, now = (PER_CENT * (one or 0.0) for one in (cause.limit, cause.value))
    return (
        f"夜间值变化不足 {limit:.0f} %（现为 {now:.1f} %），",
        f"with a change of the night value under {limit:.0f} % (now {now:.1f} %)",
    )


def _occupancy(cause: Cause) -> Pair:
    limit, now = (quantity(one, cause.unit) for one in (cause.limit, cause.value))
    return (
        f"二氧化碳产生速率低于每小时 {limit}（现为 {now}），",
        f"with a carbon dioxide source under {limit} an hour (now {now})",
    )


def _drift(cause: Cause) -> Pair:
    limit, now = (quantity(one, cause.unit) for one in (cause.limit, cause.value))
    return f"偏移不足 {limit}（现为 {now}），", f"with a drift under {limit} (now {now})"


def _battery(cause: Cause) -> Pair | None:
    within = getattr(cause.rule, "within_days", ())
    days = within[_step(cause)] if within else float("inf")
    if days == float("inf"):
        return None  # the device reports a low battery
    return f"预计可用超过 {days:g} 天，", f"with more than {days:g} days left"


def _belief(cause: Cause) -> Pair:
    limits = getattr(cause.rule, "limits", ())
    share = PER_CENT * limits[_step(cause)] if limits else 0.0
    now = PER_CENT * float(cause.facts.get("belief", 0.0))
    return f"可能性低于 {share:g} %（现为 {now:.0f} %），", f"with a probability under {share:g} % (now {now:.0f} %)"


def _together(cause: Cause) -> Pair:
    rule = cause.rule
    zh, en = span(getattr(rule, "within_s", 0.0))
    combine, count = getattr(rule, "combine", ""), getattr(rule, "count", 0)
    if combine == "any":
        return "所有条件均不成立，", "without any of the conditions"
    if combine == "count":
        return f"{zh}内少于 {count} 次，", f"with fewer than {count} starts within {en}"
    return f"各条件不在 {zh}内同时成立，", f"unless the conditions hold within {en} of each other"


def _verify(cause: Cause) -> Pair:
    if cause.least:
        return "没有首次发现，", "without the first finding"
    zh, en = span(getattr(cause.rule, "wait_s", 0.0))
    return (
        f"没有第二来源，且首次发现在 {zh}内结束，",
        f"without a second source and with an end of the first finding within {en}",
    )


_PHRASES: Mapping[str, Callable[[Cause], Pair | None]] = {
    "excess": _band,
    "unusual": _band,
    "dspot": _band,
    "own_tail": _band,
    "half_space_trees": _band,
    "context": _band,
    "page_hinkley": _band,
    "group": _band,
    "change_point": _band,
    "unusual_count": _count,
    "trained": _score,
    "gauge_fault": _gauge,
    "quiet_camera": _camera,
    "time_to_limit": _reach,
    "crowd": _crowd,
    "loiter": _stay,
    "abandoned": _stay,
    "charging": _charging,
    "burst": _burst,
    "slow_leak": _leak,
    "occupancy": _occupancy,
    "zero_drift": _drift,
    "neighbour_drift": _drift,
    "battery": _battery,
    "belief": _belief,
    "condition": _together,
    "verify": _verify,
}
