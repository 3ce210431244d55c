"""Digests of rules and recipes: a sheet, a state or a record names the settings that it belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .kinds import Rule
from .recipe import Recipe
from .types import ORIGINS, TYPES

DIGEST_LENGTH = 16
DIGESTS_MAX = 8
"""Recipes whose digest is kept: health checks read that of the running one, which takes 10 ms to compute."""
_PACKAGED = frozenset(TYPES.values())
_DIGESTS: dict[int, tuple[Recipe, str]] = {}


def rule_digest(rule: Rule) -> str:
    """Return the digest of a rule: its type with origin and version, and every setting.

    The version is the class attribute `version` of the type, 1 without one: a change of the algorithm raises it. The
    origin of a type outside the package is its distribution and its code: it cannot take the name of another type.

    >>> from detectors.recipes.kinds import Invalid
    >>> low, high = (Invalid(name="i", hazard="sensor_fault", min_count=n) for n in (2, 3))
    >>> rule_digest(low) == rule_digest(low), rule_digest(low) == rule_digest(high)
    (True, False)
    """
    kind = type(rule)
    origin = "" if kind in _PACKAGED else ORIGINS.get(kind, "unregistered")
    return _digest(origin, kind.__module__, kind.__qualname__, getattr(kind, "version", 1), _settings(rule))


def recipe_digest(recipe: Recipe) -> str:
    """Return the digest of a recipe, or of the one it is a part of: its rules in order and the bound of lateness."""
    known, digest = _DIGESTS.get(id(recipe), (None, ""))
    if known is not recipe:
        digest = recipe.digest or _digest([rule_digest(rule) for rule in recipe.rules], float(recipe.late_s))
        if len(_DIGESTS) >= DIGESTS_MAX:
            _DIGESTS.clear()
        _DIGESTS[id(recipe)] = recipe, digest
    return digest


@cache
def release() -> str:
    """Return the version of the installed package, "0" for a source folder."""
    try:
        return version("twinward")
    except PackageNotFoundError:
        return "0"


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:DIGEST_LENGTH]


def _settings(value: Any) -> object:
    """Return nested settings as plain values in a fixed order; 1 and 1.0 are one value."""
    if is_dataclass(value) and not isinstance(value, type):
        return [(field.name, _settings(getattr(value, field.name))) for field in fields(value)]
    if isinstance(value, Mapping):
        return sorted((str(key), _settings(item)) for key, item in value.items())
    if isinstance(value, (tuple, list)):
        return [_settings(item) for item in value]
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
