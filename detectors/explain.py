"""Each detection as a sentence for people, Chinese and English: what, how long, the limit, what would clear it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

NAMES = {
    "smoke": ("烟感探测器报警", "Smoke detector in alarm"),
    "smoke_density": ("烟雾浓度", "Smoke density"),
    "smoke_concentration": ("烟雾含量", "Smoke concentration"),
    "co": ("一氧化碳", "Carbon monoxide"),
    "temperature": ("温度", "Temperature"),
    "humidity": ("湿度", "Humidity"),
    "co2": ("二氧化碳", "Carbon dioxide"),
    "level": ("水位", "Water level"),
    "depth": ("积水深度", "Water depth"),
    "leak": ("漏水探测器报警", "Leak detector in alarm"),
    "open": ("门", "Gate"),
    "tamper": ("设备被拆动", "Device tampered with"),
    "fault": ("设备报故障", "Device reports a fault"),
    "battery": ("电量", "Battery"),
    "battery_low": ("电量低", "Battery low"),
    "blind": ("摄像机画面被遮挡或丢失", "Camera picture covered or lost"),
    "pressure": ("水压", "Water pressure"),
    "message_rate": ("设备的消息频率", "Message rate of the device"),
    "new_names": ("一分钟内出现的陌生设备名", "Unknown device names within a minute"),
}
"""Metric -> what it is called where people read it; other metrics go by their own name."""

UNITS = {"Cel": "°C", "bool": "", "count": "", "1/s": "/s", "m3/s": "m³/s", "ug/m3": "µg/m³"}
SIGNS = {"after_hours": ("闭校时段有人进出", "Entry while the school is closed")}
LABELS = {
    "person_at_water": ("摄像机在水边看到人", "Camera sees a person at the water"),
    "fire": ("摄像机看到烟或火", "Camera sees smoke or fire"),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """What a sentence is made of.

    over: it has cleared; lasted_s: span of event time that speaks for it; behind: sensors heard only through this one;
    dims: further evidence.
    """

    kind: str
    hazard: str
    metric: str
    unit: str
    over: bool = False
    value: float | None = None
    limit: float | None = None
    window_s: float = 0.0
    clear_limit: float | None = None
    clear_s: float = 0.0
    falling: bool = False
    lasted_s: float = 0.0
    behind: int = 0
    dims: Mapping[str, Any] = field(default_factory=dict)


Words = dict[str, str]


def sentence(fact: Fact) -> Words:
    """What was found (or is over), as {"zh", "en"}.

    >>> fact = Fact("threshold", "fire", "smoke_density", "dB/m", value=0.1412, limit=0.1, window_s=60)
    >>> sentence(fact)["zh"]
    '烟雾浓度在 60 秒内持续高于 0.10 dB/m（现为 0.14 dB/m）'
    """
    zh, en = _OVER[fact.kind](fact) if fact.over and fact.kind in _OVER else _TOLD[fact.kind](fact)
    return {"zh": zh, "en": en}


def clears(fact: Fact) -> Words:
    """What would prove it over, as {"zh", "en"}."""
    zh, en = _CLEARS[fact.kind](fact)
    return {"zh": zh, "en": en}


def quantity(value: float | None, unit: str) -> str:
    """A number with its unit, rounded as a person would.

    >>> quantity(0.1412, "dB/m"), quantity(58.04, "Cel"), quantity(1234.5, "ppm")
    ('0.14 dB/m', '58.0 °C', '1234 ppm')
    """
    number = 0.0 if value is None else value
    size = abs(number)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2  # noqa: PLR2004 - three figures
    shown = UNITS.get(unit, unit)
    return f"{number:.{digits}f} {shown}".rstrip()


def span(seconds: float) -> tuple[str, str]:
    """A duration in the unit that people would use.

    >>> span(60), span(600), span(90000)
    (('60 秒', '60 s'), ('10 分钟', '10 min'), ('25 小时', '25 h'))
    """
    for size, zh, en in ((3600, "小时", "h"), (60, "分钟", "min")):
        if seconds >= 2 * size:
            return f"{_plain(seconds / size)} {zh}", f"{_plain(seconds / size)} {en}"
    return f"{_plain(seconds)} 秒", f"{_plain(seconds)} s"


def _plain(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _threshold(fact: Fact) -> tuple[str, str]:
    zh, en = NAMES.get(fact.metric, (fact.metric, fact.metric))
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


def _threshold_over(fact: Fact) -> tuple[str, str]:
    zh, en = NAMES.get(fact.metric, (fact.metric, fact.metric))
    if fact.unit == "bool":
        return f"{zh}：已恢复", f"{en}: back to normal"
    if fact.value is None:
        return f"{zh}不再单独判断：设备另有更可靠的指标", f"{en} is no longer judged: the device tells it better"
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
    return (
        f"{zh}在 {window_zh}内上升 {value}（限值 {limit}）",
        f"{en} rose by {value} within {window_en} (limit {limit})",
    )


def _rise_over(fact: Fact) -> tuple[str, str]:
    zh, en = NAMES.get(fact.metric, (fact.metric, fact.metric))
    return f"{zh}已不再快速上升", f"{en} no longer rises fast"


def _rise_clears(fact: Fact) -> tuple[str, str]:
    zh, en = span(fact.clear_s)
    window_zh, window_en = span(fact.window_s)
    low = quantity(fact.clear_limit, fact.unit)
    return (
        f"{window_zh}内上升不超过 {low} 并保持 {zh}后解除",
        f"Clears when the rise within {window_en} stays under {low} for {en}",
    )


def _stuck(fact: Fact) -> tuple[str, str]:
    zh, en = NAMES.get(fact.metric, (fact.metric, fact.metric))
    for_zh, for_en = span(fact.value or 0.0)
    return (
        f"{zh}读数已 {for_zh}没有任何变化，传感器可能卡死",
        f"{en} has not moved for {for_en}; the sensor may be stuck",
    )


def _silence(fact: Fact) -> tuple[str, str]:
    zh, en = span(fact.value or 0.0)
    if fact.behind:
        return (
            f"网关失联（{zh}无声），其下 {fact.behind} 个传感器状态未知"
            if fact.value
            else f"网关已离线，其下 {fact.behind} 个传感器状态未知",
            f"Gateway silent for {en}; the state of {fact.behind} sensors behind it is unknown"
            if fact.value
            else f"Gateway is offline; the state of {fact.behind} sensors behind it is unknown",
        )
    if not fact.value:
        return "设备已离线，状态未知", "Device is offline; its state is unknown"
    limit_zh, limit_en = span(fact.limit or 0.0)
    return (
        f"已 {zh}没有收到读数（限值 {limit_zh}），状态未知",
        f"Nothing heard for {en} (limit {limit_en}); its state is unknown",
    )


def _held(fact: Fact) -> tuple[str, str]:
    zh, en = span(max(fact.window_s, fact.lasted_s))
    if fact.metric == "open":
        return f"门已开启 {zh}未关", f"Gate has been open for {en}"
    name_zh, name_en = NAMES.get(fact.metric, (fact.metric, fact.metric))
    return f"{name_zh}，已 {zh}", f"{name_en} for {en}"


def _seen(fact: Fact) -> tuple[str, str]:
    zh, en = LABELS.get(fact.hazard, ("摄像机看到可疑情况", "Camera sees something suspicious"))
    for_zh, for_en = span(fact.window_s)
    return (f"{zh}，已持续 {for_zh}", f"{en} for {for_en}") if fact.window_s else (zh, en)


def _battery(fact: Fact) -> tuple[str, str]:
    left_low, left_high, a_day = fact.dims["left_low"], fact.dims["left_high"], fact.dims["per_day"]
    if a_day is None:
        return "电池电量低；收到的消息还太少，尚不能预报", "Battery low; too few messages yet to say when it ends"
    if not left_high:
        return (
            "电池电量低；发出的消息已超过同类电池，随时可能耗尽",
            "Battery low; it has sent more messages than such cells do and may end at any time",
        )
    day, latest = f"{a_day:,.0f}" if a_day >= 10 else f"{a_day:g}", fact.dims["latest"]  # noqa: PLR2004 - two figures
    if not left_low:
        return (
            f"电池电量低；最多还能发 {left_high:,} 条消息（每天约 {day} 条），随时可能耗尽，最迟 {latest}",
            f"Battery low; at most {left_high:,} messages left at {day} a day; it may end any time, by {latest}",
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
        f"Clears when the cell was replaced: the low flag gone, or the voltage back up, for {en}",
    )


_Teller = Callable[[Fact], tuple[str, str]]
_TOLD: Mapping[str, _Teller] = {
    "threshold": _threshold,
    "rise": _rise,
    "stuck": _stuck,
    "silence": _silence,
    "battery": _battery,
    "held": _held,
    "forced": lambda _: ("门未经授权被打开", "Gate opened by force or without a grant"),
    "after_hours": lambda _: SIGNS["after_hours"],
    "seen": _seen,
}
_OVER: Mapping[str, _Teller] = {
    "threshold": _threshold_over,
    "rise": _rise_over,
    "stuck": lambda _: ("读数已恢复变化", "The reading moves again"),
    "silence": lambda _: ("设备已恢复上报", "Device is heard again"),
    "battery": lambda _: ("电池已更换", "The battery was replaced"),
    "held": lambda fact: ("门已关闭", "Gate is closed") if fact.metric == "open" else ("已恢复", "Back to normal"),
    "forced": lambda _: ("门已关闭", "Gate is closed"),
    "after_hours": lambda _: ("已无人进出", "No further entries"),
    "seen": lambda _: ("摄像机已看不到该情况", "Camera no longer sees it"),
}
_CLEARS: Mapping[str, _Teller] = {
    "threshold": _threshold_clears,
    "rise": _rise_clears,
    "stuck": lambda _: ("读数重新变化后解除", "Clears when the reading moves again"),
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
        f"{span(fact.clear_s)[0]}内不再看到后解除",
        f"Clears when not seen for {span(fact.clear_s)[1]}",
    ),
}
