"""Targets of alarm load, each with its edition: editions differ, and some withdrew a figure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """Target of one figure. limit: highest accepted value; edition: document and year; note: in both languages."""

    figure: str
    limit: float
    edition: str
    zh: str
    en: str


TARGETS = (
    Target("per_10_min", 1, "EEMUA 191 (Bransby, Jenkinson 1998)", "很可能可接受", "very likely acceptable"),
    Target("per_day", 150, "ISA-18.2-2009", "2016版已取消；平均值会误导", "withdrawn in 2016; an average misleads"),
    Target("per_day", 144, "IEC 62682:2014", "由每10分钟指标推算", "derived from the figure per 10 min"),
    Target("peak_10_min", 10, "ISA-18.2, table 7 (by studies)", "超过即为报警泛滥", "more is an alarm flood"),
    Target("flood_share", 0.01, "ISA-18.2, table 7 (by studies)", "报警泛滥所占时间", "share of time in alarm floods"),
    Target(
        "top_ten_share", 0.05, "ISA-18.2, table 7 (by studies)", "最频繁十项所占比例", "share of the ten most frequent"
    ),
    Target("chattering", 0, "ISA-18.2, table 7 (by studies)", "一分钟内三次以上", "three or more within 1 min"),
    Target("standing", 5, "ISA-18.2, table 7 (by studies)", "持续超过24小时", "active for over 24 h"),
)
