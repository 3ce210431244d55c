"""Explanations of the evidence for a fire in Chinese and English."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from detectors.detection import Phase
from detectors.kernels.clouds import BY_CLOUD, BY_HEAT, BY_SMOKE
from detectors.kernels.evidence import FACT_BASE, FACT_LAST, FACT_NOW, FACT_PART, FACT_RATE, FACT_REASON, FACT_RISE
from detectors.kernels.evidence import LEAST as UNITS_LEAST
from detectors.kernels.fire_channels import CO, DAMP, SMOKE, WARM
from detectors.recipes.fires import FireEvidence
from detectors.wording import quantity, span

Words = tuple[str, str]
UNITS = ("dB/m", "ppm", "Cel", "%")
NAMES = (("烟雾", "smoke"), ("一氧化碳", "CO"), ("温度", "temperature"), ("湿度", "humidity"))
SHOWN_RATE = 0.1
"""Share of the excess from which a rate is shown."""


def reason_words(rule: FireEvidence, phase: Phase, level: int, facts: Sequence[float]) -> Words:
    """Return the detection or its end, with the contributing channels."""
    parts = [words for words in (_channel(channel, facts) for channel in range(4)) if words]
    if phase is Phase.CLEAR:
        head = ("空气已恢复正常", "Air back to normal")
        parts = []
    else:
        head = _head(rule, level, facts)
    return "；".join((head[0], *(zh for zh, _ in parts))), "; ".join((head[1], *(en for _, en in parts)))


def clear_words(rule: FireEvidence) -> Words:
    """Return the condition that clears the detection."""
    zh, en = span(rule.clear_s)
    return f"空气恢复正常并保持 {zh}后解除", f"Clears when the air has been normal for {en}"


def change_words(rule: FireEvidence, level: int, facts: Sequence[float]) -> Words:
    """Return the smallest change of one channel that would have prevented this level."""
    reason = int(facts[FACT_REASON])
    if reason in {BY_SMOKE, BY_CLOUD}:
        bound = quantity(rule.smoke_limits[min(level, 3) - 1 if reason == BY_SMOKE else 1], "dB/m")
        return f"烟雾低于 {bound}时不会出现", f"Not raised with smoke below {bound}"
    if reason == BY_HEAT:
        bound = quantity(rule.heat_k[0 if level == 1 else 1], "K")
        return f"升温少于 {bound}时不会出现", f"Not raised by a rise of less than {bound}"
    channel = max((SMOKE, CO, WARM), key=lambda one: facts[FACT_PART + one])
    if facts[FACT_PART + SMOKE] > 0 and facts[FACT_PART + CO] > 0:
        channel = min((SMOKE, CO), key=lambda one: facts[FACT_PART + one])
    spare = facts[FACT_NOW] - (rule.alarm if level > 1 else rule.early)
    bound_value = facts[FACT_LAST + channel] - max(0.0, spare) / 2 * float(UNITS_LEAST[channel])
    shown = quantity(max(bound_value, facts[FACT_BASE + channel]), UNITS[channel])
    zh, en = NAMES[channel]
    return f"{zh}不超过 {shown}时不会出现", f"Not raised with {en} up to {shown}"


def _head(rule: FireEvidence, level: int, facts: Sequence[float]) -> Words:
    reason = int(facts[FACT_REASON])
    if reason == BY_CLOUD:
        return (
            "短促的浓雾，像喷雾、水汽或电子烟：没有一氧化碳和升温，暂不报警",
            "Short dense cloud as of a spray, steam or an e-cigarette: no CO, no heat, held back",
        )
    if reason == BY_HEAT:
        rise = facts[FACT_LAST + WARM] - facts[FACT_BASE + WARM]
        shown = quantity(max(rise, facts[FACT_RISE] if isfinite(facts[FACT_RISE]) else rise), "K")
        return f"温度快速升高 {shown}", f"Temperature rose fast by {shown}"
    if reason == BY_SMOKE:
        limit = quantity(rule.smoke_limits[level - 1], "dB/m")
        zh, en = span(rule.smoke_after_s[level - 1])
        if not rule.smoke_after_s[level - 1]:
            return f"烟雾浓度高于 {limit}", f"Smoke density above {limit}"
        return f"烟雾浓度持续 {zh}高于 {limit}", f"Smoke density above {limit} for {en}"
    return "多项读数同时符合火情", "Several readings together fit a fire"


def _channel(channel: int, facts: Sequence[float]) -> Words | None:
    """Return value, excess and rate of a channel that counts; None for a quiet or absent one."""
    value, base = facts[FACT_LAST + channel], facts[FACT_BASE + channel]
    if not isfinite(value) or (facts[FACT_PART + channel] <= 0 and channel != SMOKE):
        return None
    unit = UNITS[channel]
    above, rate = quantity(value - base, "K" if channel == WARM else unit), facts[FACT_RATE + channel]
    zh, en = NAMES[channel]
    against_zh, against_en = ("（说明是水汽）", " (points to steam)") if channel == DAMP else ("", "")
    zh_rate = en_rate = ""
    if abs(rate) > SHOWN_RATE * abs(value - base):
        shown = f"{float(f'{rate:.2g}'):+g} {'K' if channel == WARM else unit}"  # two figures, no exponent
        zh_rate, en_rate = f"，一分钟 {shown}", f", {shown} in a minute"
    sign = "+" if value >= base else ""
    return (
        f"{zh} {quantity(value, unit)}（{sign}{above}{zh_rate}）{against_zh}",
        f"{en} {quantity(value, unit)} ({sign}{above}{en_rate}){against_en}",
    )
