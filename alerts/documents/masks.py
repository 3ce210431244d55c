"""Masks of personal data in texts: telephone, identity, card and plate numbers, mail."""

from __future__ import annotations

import re
from typing import Any

MASK = "***"
TEXTS = frozenset((
    "note", "text", "zh", "en", "reason", "goal", "responsibility", "measures", "funds", "time_limit",
    "contingency_plan", "description", "place_stated",
))  # fmt: skip
"""Keys of texts that people write. Ids, digests and times have other keys and stay as they are."""
_NUMBERS = re.compile(
    r"[\w.+-]+@[\w-]+\.[\w.]+"  # mail
    r"|(?<!\d)\d{17}[\dXx](?![\dXx])"  # identity card
    r"|(?<!\d)(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)"  # mobile telephone
    r"|(?<!\d)0\d{2,3}[- ]?\d{7,8}(?!\d)"  # telephone with its area code
    r"|(?<!\d)\d{8,19}(?!\d)"  # card, bank and pupil numbers
    r"|[\u4e00-\u9fff][A-Z][ ·]?[A-Z0-9]{5,6}(?![A-Z0-9])",  # number plate
)


def masked_text(text: str) -> str:
    """Return a text without numbers of persons.

    >>> masked_text("王主任 13800138000，湘A12345，2026-11-30 12:00 课桌 12 张")
    '王主任 ***，***，2026-11-30 12:00 课桌 12 张'
    """
    return _NUMBERS.sub(MASK, text)


def masked(value: Any, key: str = "") -> Any:
    """Return a JSON value with the texts of people masked."""
    if isinstance(value, dict):
        return {name: masked(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [masked(one, key) for one in value]
    return masked_text(value) if isinstance(value, str) and key in TEXTS else value
