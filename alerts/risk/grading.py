"""Risk grades by versioned methods: factor tables, bands, words in both languages, colours."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib import resources
from typing import Any

from alerts.errors import Invalid


class Grade(IntEnum):
    """Risk levels, the highest first, as the four colours."""

    RED = 1  # 重大
    ORANGE = 2  # 较大
    YELLOW = 3  # 一般
    BLUE = 4  # 低

    @property
    def colour(self) -> str:
        """Return the colour's English name in lower case."""
        return self.name.lower()


COLOUR_ZH: Mapping[str, str] = {"red": "红色", "orange": "橙色", "yellow": "黄色", "blue": "蓝色"}
"""Colour of a grade -> its Chinese word."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """A grade with its inputs. score: R of LS or D of LEC; inputs: factor -> value."""

    grade: Grade
    score: float
    method: str
    version: str
    inputs: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Live:
    """Factors of a finding. likelihood: by its level, 0 to 3; exposure: None for a method without it.

    severity: factor by the severity 1 to 5 of the cause.
    """

    likelihood: tuple[float, ...]
    severity: tuple[float, ...]
    exposure: float | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """One grading method, read from its data file. bands: (grade, low, high, high is inclusive)."""

    name: str
    version: str
    factors: Mapping[str, tuple[float, ...]]
    bands: tuple[tuple[Grade, float, float, bool], ...]
    live_factors: Live
    words: Mapping[str, Any]
    title: Mapping[str, str]

    def assess(self, **inputs: float) -> Assessment:
        """Return the grade of the factors. Raises Invalid for a factor that is missing or not in the method's table."""
        wrong = {
            name: [f"{value:g}" for value in allowed]
            for name, allowed in self.factors.items()
            if inputs.get(name) not in allowed
        }
        if wrong:
            allowed_zh = {name: f"允许值：{'、'.join(values)}" for name, values in wrong.items()}
            raise Invalid({name: f"one of {', '.join(values)}" for name, values in wrong.items()}, zh=allowed_zh)
        used = {name: float(inputs[name]) for name in self.factors}
        score = 1.0
        for value in used.values():
            score *= value
        return Assessment(self.grade(round(score, 9)), round(score, 9), self.name, self.version, used)

    def grade(self, score: float) -> Grade:
        """Return the band that contains a score. Raises Invalid for a gap between bands."""
        for grade, low, high, inclusive in self.bands:
            if low <= score and (score <= high if inclusive else score < high):
                return grade
        raise Invalid.in_both(
            {
                "score": (
                    f"{score:g} lies in no band of method {self.name}",
                    f"{score:g} 不在方法 {self.name} 的任何等级内",
                )
            }
        )

    def live(self, level: int, *, severity: float) -> Assessment:
        """Return the grade of a finding. level: 0 to 3; severity: 1 to 5, of its cause."""
        live = self.live_factors
        factors = {"likelihood": live.likelihood[level], "severity": live.severity[round(severity) - 1]}
        return self.assess(**factors, **({} if live.exposure is None else {"exposure": live.exposure}))


@cache
def methods() -> Mapping[str, Method]:
    """Return all packaged methods by name."""
    folder = resources.files(__package__).joinpath("methods")
    tables = [
        tomllib.loads(file.read_text(encoding="utf-8")) for file in folder.iterdir() if file.name.endswith(".toml")
    ]
    return {table["method"]: read_method(table) for table in tables}


def read_method(table: Mapping[str, Any]) -> Method:
    """Return a method from its parsed data file."""
    bands = tuple(
        (Grade(band["grade"]), float(band["low"]), float(band.get("high", band.get("below"))), "high" in band)
        for band in table["band"]
    )
    factors = {name: tuple(map(float, values)) for name, values in table["factors"].items()}
    row = table["live"]
    title = {"zh": table["name_zh"], "en": table["name_en"]}
    live = Live(tuple(map(float, row["likelihood"])), tuple(map(float, row["severity"])), row.get("exposure"))
    return Method(table["method"], table["version"], factors, bands, live, table.get("words", {}), title)
