"""Phrases of water mains: bursts and slow leaks."""

from __future__ import annotations

from .fact import Fact


def burst(fact: Fact) -> tuple[str, str]:
    """Return the sentence of a burst."""
    share, limit = round(100 * (fact.value or 0.0)), round(100 * (fact.limit or 0.0))
    return (
        f"水压骤降 {share}%（限值 {limit}%），疑似爆管",
        f"Pressure fell by {share} % (limit {limit} %): a main may have burst",
    )


def burst_clears(_: Fact) -> tuple[str, str]:
    """Return the clearing condition of a burst."""
    return "水压恢复平稳后解除", "Clears when the pressure is steady again"


def slow_leak(fact: Fact) -> tuple[str, str]:
    """Return the sentence of a slow leak."""
    share = f"{100 * (fact.value or 0.0):.1f}"
    if fact.metric == "flow":
        return (
            f"夜间最小流量比前一周多出日均的 {share}%，疑似渗漏",
            f"Lowest flow at night rose by {share} % of the mean: a leak",
        )
    return f"夜间水压比前一周低 {share}%，疑似渗漏", f"Pressure at night is {share} % below the week before: a leak"


def slow_leak_clears(_: Fact) -> tuple[str, str]:
    """Return the clearing condition of a slow leak."""
    return "夜间数值恢复到前一周水平后解除", "Clears when the night value is that of the week before again"
