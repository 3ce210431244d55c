"""Replacement of a person in a roster: posts, shifts, chains and exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def replaced(table: Mapping[str, Any], leaver: str, successor: str) -> dict[str, Any]:
    """Return the tables of a roster with a successor wherever the leaver was; the leaver's row is removed.

    Absences of the leaver end; a person stands in each list once. The order of shifts by turns stays.

    >>> table = {"person": [{"id": "li"}, {"id": "wu"}], "post": [{"id": "dorm", "deputies": ["li", "wu"]}]}
    >>> replaced(table, "li", "wu")
    {'person': [{'id': 'wu'}], 'post': [{'id': 'dorm', 'deputies': ['wu']}]}
    """

    def listed(names: Any) -> list[str]:
        return list(dict.fromkeys(successor if name == leaver else name for name in names))

    def row(given: Mapping[str, Any]) -> dict[str, Any]:
        lists = {name: listed(given[name]) for name in ("deputies", "persons") if name in given}
        steps = {"steps": [row(step) for step in given["steps"]]} if "steps" in given else {}
        return {**given, **lists, **steps}

    found: dict[str, Any] = {}
    for name, rows in table.items():
        if name == "person":
            found[name] = [one for one in rows if one["id"] != leaver]
        elif name == "exception":
            found[name] = [_exception(one, leaver, successor) for one in rows if one["person"] != leaver]
        else:
            found[name] = _once([row(one) for one in rows])
    return found


def _exception(given: Mapping[str, Any], leaver: str, successor: str) -> dict[str, Any]:
    if given.get("substitute") != leaver:
        return dict(given)
    kept = {name: value for name, value in given.items() if name != "substitute"}
    return kept if given["person"] == successor else kept | {"substitute": successor}


def _once(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each row once: two shifts may become equal."""
    return [one for number, one in enumerate(rows) if one not in rows[:number]]
