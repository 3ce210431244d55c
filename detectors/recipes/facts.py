"""Facts of the rules of a recipe as plain data, for the pages that show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any

from .kinds import Rule
from .recipe import Recipe
from .types import TYPES
from .versions import rule_digest

_SHOWN_APART = frozenset(("name", "hazard", "levels", "pages", "kinds", "profiles"))


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """One rule. metrics: those that it reads, none for a rule over every metric; settings: name -> text.

    digest: of all settings; equal rules have equal digests in every installation.
    """

    name: str
    type: str
    hazard: str
    metrics: tuple[str, ...]
    kinds: tuple[str, ...]
    profiles: tuple[str, ...]
    levels: tuple[int, ...]
    pages: tuple[int, ...]
    limits: tuple[float, ...]
    settings: dict[str, str]
    digest: str


def rule_facts(recipe: Recipe) -> list[RuleFacts]:
    """Return the facts of each rule in the recipe's order.

    >>> from detectors.recipes.recipe import load_recipe
    >>> facts = rule_facts(load_recipe())[0]
    >>> facts.type, len(facts.digest)
    ('threshold', 16)
    """
    return [_facts(rule) for rule in recipe.rules]


def _facts(rule: Rule) -> RuleFacts:
    return RuleFacts(
        name=rule.name,
        type=next((name for name, settings in TYPES.items() if type(rule) is settings), type(rule).__name__),
        hazard=rule.hazard,
        metrics=rule.reads,
        kinds=rule.kinds,
        profiles=rule.profiles,
        levels=rule.levels,
        pages=tuple(level for level in rule.levels if level in rule.pages),
        limits=tuple(float(limit) for limit in getattr(rule, "limits", ())),
        settings=dict(_settings(rule)),
        digest=rule_digest(rule),
    )


def _settings(rule: Rule) -> Iterator[tuple[str, str]]:
    """Yield name and text of each setting that is neither empty nor shown apart."""
    for field in fields(rule):
        value = getattr(rule, field.name)
        if field.name not in _SHOWN_APART and value not in ((), "", None):
            yield field.name, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(_text(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (f"{value:g}" if isfinite(value) else "unlimited") if isinstance(value, int | float) else str(value)
