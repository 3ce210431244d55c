"""Order and filters of the list of supervised schools; figures and league are of all schools."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from alerts.risk.registry import Registry

from .schools import Supervised

Sort = Literal["site", "rank", "overdue", "open", "found"]
Key = tuple[int, str]
USUAL = "usual"
_FIRST: Mapping[Sort, Callable[[Supervised], int]] = {
    "site": lambda _one: 0,
    "rank": lambda one: one.standing.rank or 0,
    "overdue": lambda one: -one.facts.counts.overdue,
    "open": lambda one: -one.facts.counts.open,
    "found": lambda one: -one.facts.counts.found,
}
"""First part of each order; a school without a rank comes first, because nothing is known of it."""


def key_of(sort: Sort) -> Callable[[Supervised], Key]:
    """Return the sort key of an order, unique by the id of the school."""
    first = _FIRST[sort]
    return lambda one: (first(one), one.facts.site)


def selected(schools: Iterable[Supervised], registry: Registry, text: str, *, missing: bool) -> list[Supervised]:
    """Return the schools with the text in id or name. missing: only those with few reports or none."""
    sought, found = text.strip().casefold(), list[Supervised]()
    for one in schools:
        site = registry.site(one.facts.site)
        named = sought in f"{site.id}\n{site.name_zh}\n{site.name_en}".casefold()
        if named and not (missing and one.standing.reports == USUAL):
            found.append(one)
    return found
