"""Rules of live grading: steps of the likelihood, decay, windows and texts, from one data file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal, get_args

RuleName = Literal[
    "early_finding",
    "near_misses",
    "blind_detector",
    "failed_check",
    "overdue_check",
    "lapsed_training",
    "open_dangers",
    "unanswered_pages",
]
RULE_NAMES: tuple[RuleName, ...] = get_args(RuleName)
DAY_NS, HOUR_NS = 86_400_000_000_000, 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class LiveRule:
    """One rule. steps: raise of the likelihood; decay_ns: time after the end of the evidence."""

    name: RuleName
    steps: int
    zh: str
    en: str
    decay_ns: int = 0
    window_days: int = 30
    count_min: int = 1

    def text(self, **values: object) -> dict[str, str]:
        """Return the reason in both languages."""
        filled = {"days": self.window_days} | values
        return {"zh": self.zh.format(**filled), "en": self.en.format(**filled)}


@cache
def live_rules() -> Mapping[str, LiveRule]:
    """Return the rules by name, from `live_rules.toml`."""
    table = tomllib.loads(resources.files(__package__).joinpath("live_rules.toml").read_text(encoding="utf-8"))
    found = {}
    for name in RULE_NAMES:
        row = dict(table["rule"][name])
        decay_ns = int(row.pop("decay_h", 0) * HOUR_NS)
        found[str(name)] = LiveRule(name, decay_ns=decay_ns, **row)
    return found
