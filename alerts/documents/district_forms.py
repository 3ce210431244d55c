"""Statistics of a district or city: one row a school, the last row the sum."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, reduce
from operator import add

from alerts.risk.registry import Registry
from alerts.supervision.statistics import SchoolStatistics

from .forms import Column, Filled, Form, Language, forms

TOTAL = {"zh": "合计", "en": "Total"}


@cache
def district_form() -> Form:
    """Return the national statistics with the school as its first column."""
    form = forms()["quarter_statistics"]
    return Form("district_statistics", form.zh, form.en, (Column("school", "学校(单位)", "School"), *form.columns))


def district_statistics(
    found: Sequence[tuple[str, SchoolStatistics]], registry: Registry, subtitle: str, language: Language
) -> Filled:
    """Return the filled form. found: school and its statistics."""
    rows = [one.cells() | {"school": _name(registry, school, language)} for school, one in found]
    summed = reduce(add, (one for _, one in found), SchoolStatistics())
    titles = ("单位负责人（签字）：", "填表人（签字）：", "填报日期：")
    if language == "en":
        titles = ("Head of the unit:", "Writer:", "Date:")
    rows.append(summed.cells() | {"school": TOTAL[language]})
    return Filled(district_form(), language, subtitle, rows, titles)


def _name(registry: Registry, school: str, language: Language) -> str:
    site = registry.site(school)
    return (site.name_zh if language == "zh" else site.name_en) or school
