"""Explanations of detections in Chinese and English: value, duration, limit, clearing condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .phrases.fact import DAY_S, Fact, Words
from .phrases.mains import burst, burst_clears, slow_leak, slow_leak_clears
from .wording import LABELS, NAMES, SIGNS, SOUNDS, quantity, span


def sentence(fact: Fact) -> Words:
    """Return the detection, or its end, as {"zh", "en"}.

    >>> fact = Fact("threshold", "fire", "smoke_density", "dB/m", value=0.1412, limit=0.1, window_s=60)
    >>> sentence(fact)["zh"]
    '烟雾浓度在 60 秒内持续高于 0.10 dB/m（现为 0.14 dB/m）'
    """
    zh, en = _CLEARED[fact.kind](fact) if fact.over and fact.kind in _CLEARED else _RAISED[fact.kind](fact)
    return {"zh": zh, "en": en}


def clears(fact: Fact) -> Words:
    """Return the condition that clears the detection, as {"zh", "en"}."""
    zh, en = _CLEARS[fact.kind](fact)
    return {"zh": zh, "en": en}


def highest_words(unit: str, value: float, at: str, *, falling: bool = False) -> Words:
    """Return the highest value of an alarm with its time of day; of a falling rule, the lowest.

    >>> highest_words("dB/m", 0.352, "03:12:10")["en"]
    'highest 0.35 dB/m at 03:12:10'
    """
    shown = quantity(value, unit)
    zh, en = ("最低", "lowest") if falling else ("最高", "highest")
    return {"zh": f"{zh} {shown}（{at}）", "en": f"{en} {shown} at {at}"}


def _threshold(fact: Fact) -> tuple[str, str]:
    zh, en = NAMES.get(fact.metric, (f"指标 {fact.metric}", fact.metric))
    window_zh, window_en = span(fact.window_s)
    if fact.unit == "bool":
        return (f"{zh}（已持续 {window_zh}）", f"{en} for {window_en}") if fact.window_s else (zh, en)
    limit, value = quantity(fact.limit, fact.unit), quantity(fact.value, fact.unit)
    side_zh, side_en = ("低于", "below") if fact.falling else ("高于", "above")
    if not fact.window_s:
        return f"{zh}{side_zh} {limit}（现为 {value}）", f"{en} {side_en} {limit} (now {value})"
    return (
        f"{zh}在 {window_zh}内持续{side_zh} {limit}（现为 {value}）",
        f"{en} {side_en} {limit} for {window_en} (now {value})",
    )


def _threshold_cleared(fact: Fact) -> tuple[str, str]:
    zh, en = NAMES.get(fact.metric, (fact.metric, fact.metric))
    if fact.unit == "bool":
        return f"{zh}：已恢复", f"{en}: back to normal"
    if fact.value is None:
        return (
            f"{zh}不再单独检测：该设备另有更可靠的指标",
            f"{en} is no longer scored: the device reports a better metric",
        )
    value = quantity(fact.value, fact.unit)
    return f"{zh}已恢复正常（现为 {value}）", f"{en} back to normal (now {value})"


def _threshold_clears(fact: Fact) -> tuple[str, str]:
    zh, en = span(fact.clear_s)
    if fact.unit == "bool":
        return f"信号消失并保持 {zh}后解除", f"Clears when the signal has been gone for {en}"
    name_zh, name_en = NAMES.get(fact.metric, (fact.metric, fact.metric))
    low = quantity(fact.clear_limit, fact.unit)
    side_zh, side_en = ("高于", "above") if fact.falling else ("低于", "below")
    return (
        f"{name_zh}{side_zh} {low} 并保持 {zh}后解除",
        f"Clears when {name_en.lower()} stays {side_en} {low} for {en}",
    )


def _rise(fact: Fact) -> tuple[str, str]:
    zh, en = NAMES.get(fact.metric, (fact.metric, fact.metric))
    window_zh, window_en = span(fact.window_s)
    value, limit = quantity(fact.value, fact.unit), quantity(fact.limit, fact.unit)
    way_zh, way_en = ("下降", "fell") if fact.falling else ("上升", "rose")
    return (
        f"{zh}在 {window_zh}内{way_zh} {value}（限值 {limit}）",
        f"{en} {way_en} by {value} within {window_en} (limit {limit})",
    )


def _rise_cleared(fact: Fact) -> tuple[str, str]:
    zh, en = NAMES.get(fact.metric, (fact.metric, fact.metric))
    way_zh, way_en = ("下降", "falls") if fact.falling else ("上升", "rises")
    return f"{zh}已不再快速{way_zh}", f"{en} no longer {way_en} fast"


def _rise_clears(fact: Fact) -> tuple[str, str]:
    zh, en = span(fact.clear_s)
    window_zh, window_en = span(fact.window_s)
    low = quantity(fact.clear_limit, fact.unit)
    way_zh, way_en = ("下降", "fall") if fact.falling else ("上升", "rise")
    return (
        f"{window_zh}内{way_zh}不超过 {low} 并保持 {zh}后解除",
        f"Clears when the {way_en} within {window_en} stays under {low} for {en}",
    )


def _stuck(fact: Fact) -> tuple[str, str]:
    zh, en = NAMES.get(fact.metric, (fact.metric, fact.metric))
    for_zh, for_en = span(fact.value or 0.0)
    return (
        f"{zh}读数已 {for_zh}没有变化，传感器可能卡死",
        f"{en} has not changed for {for_en}; the sensor may be stuck",
    )


def _invalid(fact: Fact) -> tuple[str, str]:
    zh, en = NAMES.get(fact.metric, (fact.metric, fact.metric))
    value = quantity(fact.value, fact.unit)
    return f"{zh}读数无效（{value}），传感器故障", f"{en}: invalid readings ({value}); the sensor is faulty"


def _silence(fact: Fact) -> tuple[str, str]:
    zh, en = _no_message(fact)
    if fact.hazard == "detector_lost":
        return f"寝室没有有效的火灾探测器：{zh}", f"Sleeping room without a working smoke detector. {en}"
    return zh, en


def _no_message(fact: Fact) -> tuple[str, str]:
    zh, en = span(fact.value or 0.0)
    if fact.dims.get("removed"):
        return "设备已从网络中移除，此处不再受监测", "Device was removed from its network; its place is not monitored"
    if fact.behind:
        return (
            f"网关已离线（{zh}没有消息），其下 {fact.behind} 个传感器状态未知"
            if fact.value
            else f"网关已离线，其下 {fact.behind} 个传感器状态未知",
            f"Gateway offline: no message for {en}; the state of {fact.behind} sensors behind it is unknown"
            if fact.value
            else f"Gateway is offline; the state of {fact.behind} sensors behind it is unknown",
        )
    if fact.dims.get("awaited"):
        return f"已登记的设备从未上报（已等待 {zh}）", f"No message yet from a declared device, {en} after the start"
    if not fact.value:
        return "设备已离线，状态未知", "Device is offline; its state is unknown"
    limit_zh, limit_en = span(fact.limit or 0.0)
    return (
        f"已 {zh}没有收到读数（限值 {limit_zh}），状态未知",
        f"No reading for {en} (limit {limit_en}); its state is unknown",
    )


def _held(fact: Fact) -> tuple[str, str]:
    zh, en = span(max(fact.window_s, fact.lasted_s))
    if fact.metric == "open":
        return f"门已开启 {zh}未关", f"Gate has been open for {en}"
    name_zh, name_en = NAMES.get(fact.metric, (fact.metric, fact.metric))
    if fact.hazard == "panel_isolated" and fact.window_s >= DAY_S:
        return f"{name_zh}，已 {zh}未恢复，重大隐患候选", f"{name_en} for {en}; candidate for a major hidden danger"
    return f"{name_zh}，已 {zh}", f"{name_en} for {en}"


def _camera(fact: Fact) -> tuple[str, str]:
    known = LABELS.get(fact.hazard, ("摄像机识别到可疑情况", "Camera detects a suspicious object"))
    zh, en = SOUNDS.get(str(fact.dims.get("label")), known)
    for_zh, for_en = span(fact.window_s)
    return (f"{zh}，已持续 {for_zh}", f"{en} for {for_en}") if fact.window_s else (zh, en)


def _battery(fact: Fact) -> tuple[str, str]:
    left_low, left_high, a_day = fact.dims["left_low"], fact.dims["left_high"], fact.dims["per_day"]
    if a_day is None:
        return "电池电量低；收到的消息太少，尚不能预测耗尽时间", "Battery low; too few messages to predict its end"
    if not left_high:
        return (
            "电池电量低；发出的消息数已超过该型电池的上限，随时可能耗尽",
            "Battery low; it has sent more messages than its type allows and may end at any time",
        )
    day, latest = f"{a_day:,.0f}" if a_day >= 10 else f"{a_day:g}", fact.dims["latest"]  # noqa: PLR2004 - two figures
    if not left_low:
        return (
            f"电池电量低；最多还能发 {left_high:,} 条消息（每天约 {day} 条），随时可能耗尽，最迟 {latest}",
            f"Battery low; at most {left_high:,} messages left at {day} a day; it may end at any time, by {latest}",
        )
    left_zh, left_en = f"{left_low:,} 至 {left_high:,}", f"{left_low:,} to {left_high:,}"
    first = fact.dims["earliest"]
    return (
        f"电池电量低；还能发 {left_zh} 条消息（每天约 {day} 条），预计 {first} 至 {latest} 耗尽",
        f"Battery low; {left_en} messages left at {day} a day; it ends between {first} and {latest}",
    )


def _battery_clears(fact: Fact) -> tuple[str, str]:
    zh, en = span(fact.clear_s)
    return (
        f"更换电池后解除：低电量标志消失或电压回升并保持 {zh}",
        f"Clears after a battery change: no low flag, or a recovered voltage, for {en}",
    )


def _occupancy(fact: Fact) -> tuple[str, str]:
    value = f"{fact.value or 0.0:.0f} ppm/h"
    return f"二氧化碳来源 {value}，室内有人", f"Carbon dioxide source of {value}: the room is occupied"


def _occupancy_clears(fact: Fact) -> tuple[str, str]:
    low = f"{fact.clear_limit or 0.0:.0f} ppm/h"
    return f"二氧化碳来源低于 {low} 后解除", f"Clears when the carbon dioxide source is below {low}"


_Phrase = Callable[[Fact], tuple[str, str]]


def _zero_drift(fact: Fact) -> tuple[str, str]:
    value = f"{fact.value or 0.0:.3f} {fact.unit}"
    return (
        f"零点比清洁时高 {value}，传感器可能积尘，请清洁",
        f"Clean value {value} above that of the clean sensor: likely dust, clean it",
    )


def _zero_drift_clears(fact: Fact) -> tuple[str, str]:
    low = f"{fact.clear_limit or 0.0:.3f} {fact.unit}"
    return (
        f"零点升高少于 {low} 后解除",
        f"Clears when the clean-air value is less than {low} too high",
    )


_RAISED: Mapping[str, _Phrase] = {
    "threshold": _threshold,
    "rise": _rise,
    "stuck": _stuck,
    "invalid": _invalid,
    "silence": _silence,
    "battery": _battery,
    "held": _held,
    "forced": lambda _: ("门未经授权被打开", "Gate forced or opened without a grant"),
    "after_hours": lambda _: SIGNS["after_hours"],
    "seen": _camera,
    "occupancy": _occupancy,
    "zero_drift": _zero_drift,
    "burst": burst,
    "slow_leak": slow_leak,
}
_CLEARED: Mapping[str, _Phrase] = {
    "threshold": _threshold_cleared,
    "rise": _rise_cleared,
    "stuck": lambda _: ("读数已恢复变化", "The reading changes again"),
    "invalid": lambda _: ("读数已恢复有效", "Readings are valid again"),
    "silence": lambda _: ("设备已恢复上报", "Device reports again"),
    "battery": lambda _: ("电池已更换", "The battery was replaced"),
    "held": lambda fact: ("门已关闭", "Gate is closed") if fact.metric == "open" else ("已恢复", "Back to normal"),
    "forced": lambda _: ("门已关闭", "Gate is closed"),
    "after_hours": lambda _: ("已无人进出", "No further entries"),
    "seen": lambda _: ("摄像机已识别不到该情况", "Camera no longer detects it"),
    "zero_drift": lambda _: ("零点已恢复", "The clean value is back to normal"),
    "occupancy": lambda _: ("室内已无人", "The room is empty"),
    "burst": lambda _: ("水压已平稳", "The pressure is steady again"),
    "slow_leak": lambda _: ("夜间数值已恢复", "The night value is back to normal"),
}
_CLEARS: Mapping[str, _Phrase] = {
    "threshold": _threshold_clears,
    "rise": _rise_clears,
    "stuck": lambda _: ("读数重新变化后解除", "Clears when the reading changes again"),
    "invalid": lambda _: ("收到有效读数后解除", "Clears with the next valid reading"),
    "silence": lambda _: ("重新收到读数后解除", "Clears with the next reading"),
    "battery": _battery_clears,
    "held": lambda fact: (
        ("门关闭后解除", "Clears when the gate is closed")
        if fact.metric == "open"
        else ("信号恢复后解除", "Clears when the signal is back to normal")
    ),
    "forced": lambda _: ("门关闭后解除", "Clears when the gate is closed"),
    "after_hours": lambda fact: (
        f"{span(fact.clear_s)[0]}内无人进出后解除",
        f"Clears after {span(fact.clear_s)[1]} without an entry",
    ),
    "seen": lambda fact: (
        f"{span(fact.clear_s)[0]}内不再识别到后解除",
        f"Clears when not detected for {span(fact.clear_s)[1]}",
    ),
    "occupancy": _occupancy_clears,
    "zero_drift": _zero_drift_clears,
    "burst": burst_clears,
    "slow_leak": slow_leak_clears,
}
