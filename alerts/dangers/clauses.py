"""Clauses of major-danger criteria: fields, the public pack format and the check of imported rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from alerts.risk.causes import causes

from .kinds import danger_kinds

TEXT_MAX = 2_000
JUDGEMENTS = ("direct", "combined")
PLACES = ("article", "paragraph", "item")
"""Fields of the pack format that name the place of a clause; `domain` and `sensor_predicate` belong to it too."""
NUMERALS = "〇一二三四五六七八九"
Fault = tuple[str, str]
"""Allowed value of a field in English and Chinese."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause. id: pack and number; judgement: direct or combined; kinds: of dangers that people find.

    hazards: kinds of detections that make a candidate; keys: keys of zones to which that is limited, () for all.
    """

    id: str
    pack: str
    version: str
    citation: str
    text_zh: str
    text_en: str
    judgement: str
    source_url: str
    verified_at: str
    verified_by: str
    kinds: tuple[str, ...] = ()
    hazards: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    def holds_for(self, kind: str, key: str) -> bool:
        """Return whether a detection of this kind in a zone with this key makes a candidate.

        A clause with combined judgement makes none: it needs further facts that a person weighs.
        """
        return self.judgement == "direct" and kind in self.hazards and (not self.keys or key in self.keys)


def citation_of(article: int, paragraph: int, item: int) -> str:
    """Return the citation of a clause.

    >>> citation_of(3, 1, 6), citation_of(12, 2, 10)
    ('第三条第一项第六目', '第十二条第二项第十目')
    """
    return f"第{_numeral(article)}条第{_numeral(paragraph)}项第{_numeral(item)}目"


def as_clause_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the pack format {pack, version, article, paragraph, item, domain, ...} as that of a clause.

    `domain` stands for the kinds of dangers of it, `sensor_predicate` for the kinds of detections, null for none.
    """
    plain = dict(row)
    if not any(name in row for name in PLACES):
        return plain
    place = [plain.pop(name, None) for name in PLACES]
    if all(isinstance(one, int) and 0 < one < 100 for one in place):  # noqa: PLR2004 - numerals of two digits
        plain.setdefault("id", "-".join(str(one) for one in (row.get("pack"), *place)))
        plain.setdefault("citation", citation_of(*place))
    domain, predicate = plain.pop("domain", None), plain.pop("sensor_predicate", None)
    if domain is not None:
        plain.setdefault("kinds", [name for name, kind in danger_kinds().items() if kind.domain == domain])
    if predicate is not None:
        plain.setdefault("hazards", [predicate] if isinstance(predicate, str) else predicate)
    return plain


def faults(row: Mapping[str, Any], today: date) -> dict[str, Fault]:
    """Return field -> allowed value for the wrong fields of an imported row."""
    names = {field.name for field in fields(Clause)}
    lists = {"kinds": set(danger_kinds()), "hazards": set(causes()), "keys": None}
    known = ", ".join(sorted(names))
    wrong: dict[str, Fault] = {
        name: (f"unknown; known: {known}", f"未知字段；允许：{known}") for name in row if name not in names
    }
    for name in sorted(names - set(lists)):
        value = row.get(name)
        if not isinstance(value, str) or not value.strip() or len(value) > TEXT_MAX:
            wrong[name] = (f"a text of 1 to {TEXT_MAX} characters", f"须为 1 至 {TEXT_MAX} 字的文本")
    for name, allowed in lists.items():
        if fault := _list_fault(row.get(name, []), allowed):
            wrong[name] = fault
    if "judgement" not in wrong and row["judgement"] not in JUDGEMENTS:
        wrong["judgement"] = (f"one of {', '.join(JUDGEMENTS)}", "direct（直接判定）或 combined（综合判定）")
    if "source_url" not in wrong and not str(row["source_url"]).startswith(("https://", "http://")):
        wrong["source_url"] = ("an http or https address", "须为 http 或 https 网址")
    if "verified_at" not in wrong and not _past_day(str(row["verified_at"]), today):
        wrong["verified_at"] = (
            "the day of the verification, YYYY-MM-DD, not in the future", "核实日期，格式 YYYY-MM-DD，不得晚于今天"
        )  # fmt: skip
    return wrong


def _list_fault(value: object, allowed: set[str] | None) -> Fault | None:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        return "a list of texts", "须为文本列表"
    if allowed is not None and (foreign := sorted(set(value) - allowed)):
        unknown, known = ", ".join(foreign), ", ".join(sorted(allowed))
        return f"unknown: {unknown}; known: {known}", f"未知：{unknown}；允许：{known}"
    return None


def _past_day(text: str, today: date) -> bool:
    try:
        return date.fromisoformat(text) <= today
    except ValueError:
        return False


def _numeral(number: int) -> str:
    tens, ones = divmod(number, 10)
    return ("" if tens == 0 else "十" if tens == 1 else NUMERALS[tens] + "十") + (NUMERALS[ones] if ones else "")
