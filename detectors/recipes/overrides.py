"""Overrides of a site: changed parameters of single rules, with reason and author.

```toml
[[override]]
rule = "water_level_rise"
parameter = "limits"
value = [0.10]
reason = "the pond has no overflow"
author = "li.wei"
```

The overrides of a rule together make one further rule, NAME_site. It takes the place of the rule once a score sheet
lets it page, and if the rule pages nobody. Until then both run, and the rule of the recipe keeps paging.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detectors.errors import RecipeError
from ingest import TableReader, load_toml

SUFFIX = "_site"
FIXED = ("name", "type", "hazard")
"""Parameters that no override changes: the rule stays the same one."""
OVERRIDES_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Override:
    """One changed parameter of a rule. value: as the recipe states it."""

    rule: str
    parameter: str
    reason: str
    author: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class _Head:
    rule: str
    parameter: str
    reason: str
    author: str


def read_overrides(path: Path) -> tuple[list[Override], list[str]]:
    """Return the overrides of a file, and its errors. Raises RecipeError if it cannot be parsed."""
    reader = TableReader(load_toml(path, RecipeError), RecipeError, source=str(path))
    reader.expect("override")
    entries = reader.entries("override")
    if len(entries) > OVERRIDES_MAX:
        reader.report(f"override: {len(entries)} of them; allowed are {OVERRIDES_MAX}")
    found = []
    for number, entry in enumerate(entries, 1):
        where = f"override {number}"
        head = reader.record(_Head, entry, where, also=("value",), check=_faults)
        if "value" not in entry:
            reader.report(f"{where}.value: missing; allowed is a value of the parameter")
        elif head is not None:
            found.append(Override(head.rule, head.parameter, head.reason, head.author, entry["value"]))
    reader.unique("override", ([one.rule, one.parameter] for one in found), "parameter")
    return found, reader.errors


def with_changed(
    table: Mapping[str, Any], overrides: Iterable[Override], source: Path
) -> tuple[dict[str, Any], list[str]]:
    """Return the table of a recipe with a rule NAME_site for each rule that is changed.

    Second, a sentence for each override of a rule that the recipe does not have.
    """
    rules = [entry for entry in table.get("rule", []) if isinstance(entry, dict)]
    known, changed, faults = {entry.get("name"): entry for entry in rules}, dict[str, dict[str, Any]](), []
    for one in overrides:
        if one.rule not in known or one.rule + SUFFIX in known:
            faults.append(f"{source}: override of rule {one.rule!r}: allowed is one of {', '.join(map(str, known))}")
            continue
        entry = changed.setdefault(one.rule, {**known[one.rule], "name": one.rule + SUFFIX})
        entry[one.parameter] = one.value
    return {**table, "rule": [*table.get("rule", []), *changed.values()]}, faults


def located(faults: Iterable[str], recipe: str, overrides: Iterable[Override], source: str) -> list[str]:
    """Return the faults of a recipe; those of a changed rule name the file of the overrides and the rule."""
    names = {one.rule for one in overrides}
    return [next(_located(fault, recipe, names, source), fault) for fault in faults]


def _located(fault: str, recipe: str, names: Iterable[str], source: str) -> Iterator[str]:
    for name in names:
        for end in (".", ":", " "):
            before = f"{recipe}: rule {name}{SUFFIX}{end}"
            if fault.startswith(before):
                yield f"{source}: override of rule {name}{end}{fault.removeprefix(before)}"


def _faults(head: _Head) -> Iterator[str]:
    if head.parameter in FIXED:
        yield f"parameter = {head.parameter!r}: allowed is a parameter other than {', '.join(FIXED)}"
    for key in ("reason", "author"):
        if not getattr(head, key).strip():
            yield f"{key}: allowed is a text"
