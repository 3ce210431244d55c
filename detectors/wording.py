"""Words of explanations in Chinese and English: metrics, hazards, quantities, durations."""

from __future__ import annotations

NAMES = {
    "smoke": ("烟感探测器报警", "Smoke detector in alarm"),
    "smoke_density": ("烟雾浓度", "Smoke density"),
    "smoke_concentration": ("烟雾含量", "Smoke concentration"),
    "co": ("一氧化碳", "Carbon monoxide"),
    "carbon_monoxide": ("一氧化碳探测器报警", "Carbon monoxide detector in alarm"),
    "heat": ("感温探测器报警", "Heat detector in alarm"),
    "gas": ("燃气探测器报警", "Gas detector in alarm"),
    "gas_level": ("燃气浓度（占爆炸下限）", "Gas concentration (of the lower explosive limit)"),
    "temperature": ("温度", "Temperature"),
    "humidity": ("湿度", "Humidity"),
    "co2": ("二氧化碳", "Carbon dioxide"),
    "level": ("水位", "Water level"),
    "depth": ("积水深度", "Water depth"),
    "distance": ("传感器到水面的距离", "Distance from the sensor to the water"),
    "level_high": ("水位到达警戒位置", "Water at the limit of the sensor"),
    "leak": ("漏水探测器报警", "Leak detector in alarm"),
    "open": ("门", "Gate"),
    "isolated": ("消防主机有回路被屏蔽", "Zone of the fire panel isolated"),
    "sharpness": ("画面清晰度", "Sharpness of the picture"),
    "luma": ("画面亮度", "Brightness of the picture"),
    "scene_change": ("画面与原场景的差异", "Difference from the learned scene"),
    "tamper": ("设备被拆动", "Device tampered with"),
    "end_of_life": ("设备已到使用寿命", "Device at the end of its service life"),
    "alarm": ("设备报警（未说明类别）", "Alarm that the device does not describe"),
    "level_low": ("水位过低", "Water level too low"),
    "wind_speed": ("风速", "Wind speed"),
    "fault": ("设备报故障", "Device reports a fault"),
    "battery": ("电量", "Battery"),
    "battery_low": ("电量低", "Battery low"),
    "panic": ("紧急按钮或胁迫报警", "Emergency button or duress code"),
    "blind": ("摄像机画面被遮挡或丢失", "Camera picture covered or lost"),
    "pressure": ("水压", "Water pressure"),
    "message_rate": ("设备的消息频率", "Message rate of the device"),
    "foreign_messages": ("冒用其他学校或设备身份的消息数", "Messages that claim another site or device"),
    "new_names": ("一分钟内出现的陌生设备名", "Unknown device names within a minute"),
}
"""Metric -> its name in (Chinese, English); other metrics keep their own name."""

UNITS = {"Cel": "°C", "bool": "", "count": "", "1/s": "/s", "m3/s": "m³/s", "ug/m3": "µg/m³"}
SIGNS = {"after_hours": ("闭校时段有人进出", "Entry while the school is closed")}
LABELS = {
    "person_at_water": ("摄像机识别到水边有人", "Camera detects a person at the water"),
    "fire": ("摄像机识别到烟或火", "Camera detects smoke or fire"),
    "intrusion": ("摄像机识别到有人翻越", "Camera detects a person who climbs over"),
    "theft": ("摄像机识别到有人拿走他人物品", "Camera detects a theft"),
    "abandoned_object": ("摄像机识别到遗留物品", "Camera detects an abandoned object"),
    "ebike_in_building": (
        "摄像机识别到楼内有电动车，重大隐患候选",
        "Camera detects an e-bike in the building; candidate for a major hidden danger",
    ),
}
SOUNDS = dict.fromkeys(
    ("fire_alarm", "smoke_detector"), ("摄像机听到火灾警报声", "Camera's microphone detects the sound of a fire alarm")
)
"""Label of a sound -> words that replace those of its hazard."""


def quantity(value: float | None, unit: str) -> str:
    """Return a number with its unit, rounded to about three figures.

    >>> quantity(0.1412, "dB/m"), quantity(58.04, "Cel"), quantity(1234.5, "ppm")
    ('0.14 dB/m', '58.0 °C', '1234 ppm')
    """
    number = 0.0 if value is None else value
    size = abs(number)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2  # noqa: PLR2004 - three figures
    shown = UNITS.get(unit, unit)
    return f"{number:.{digits}f} {shown}".rstrip()


def span(seconds: float) -> tuple[str, str]:
    """Return a duration in (Chinese, English), in seconds, minutes or hours.

    >>> span(60), span(600), span(90000)
    (('60 秒', '60 s'), ('10 分钟', '10 min'), ('25 小时', '25 h'))
    """
    for size, zh, en in ((3600, "小时", "h"), (60, "分钟", "min")):
        if seconds >= 2 * size:
            return f"{_plain(seconds / size)} {zh}", f"{_plain(seconds / size)} {en}"
    return f"{_plain(seconds)} 秒", f"{_plain(seconds)} s"


def _plain(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def ended_words(rule: str, *, removed: bool) -> tuple[str, str]:
    """Return the reason for the end of a finding whose rule changed or was removed, in (Chinese, English).

    >>> ended_words("smoke", removed=True)[1]
    'Rule smoke was removed: its finding ends without a proof that the condition is over'
    """
    if removed:
        return (
            f"规则 {rule} 已移除：其报警结束，不表示险情已消除",
            f"Rule {rule} was removed: its finding ends without a proof that the condition is over",
        )
    return (
        f"规则 {rule} 已更改：原规则的报警结束；险情仍在时，由新规则重新报警",
        f"Rule {rule} changed: the finding of its former version ends; a lasting condition raises again",
    )
