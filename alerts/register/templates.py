"""Templates of the risk register for four kinds of schools, from data files."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from alerts.errors import Invalid
from alerts.risk.content import Content, checked

from .records import RegisterZone


@dataclass(frozen=True, slots=True)
class Template:
    """One template. zones: of site ""; points: contents by id."""

    name: str
    version: str
    title: Mapping[str, str]
    zones: tuple[RegisterZone, ...]
    points: Mapping[str, Content]

    def zones_of(self, site: str) -> list[RegisterZone]:
        """Return the zones for a site."""
        return [RegisterZone(site, one.id, one.number, one.name, one.key, 0) for one in self.zones]


@cache
def templates() -> Mapping[str, Template]:
    """Return the templates by name."""
    table = _read("points.toml")
    measures = {name: _measure(name, row) for name, row in _read("measures.toml").items()}
    return {
        name: _template(name, row, table, measures)
        for name, row in table["school"].items()
    }  # fmt: skip


def template(name: str) -> Template:
    """Return one template. Raises Invalid."""
    if name not in templates():
        known = [*templates()]
        raise Invalid(
            {"template": f"{name!r}: allowed is one of {', '.join(known)}"},
            zh={"template": f"没有模板 {name!r}；可选：{'、'.join(known)}"},
        )
    return templates()[name]


@cache
def post_names() -> Mapping[str, Mapping[str, str]]:
    """Return post -> name of the posts that the templates use."""
    return {name: {"zh": row["zh"], "en": row["en"]} for name, row in _read("posts.toml").items()}


def _read(file: str) -> dict[str, Any]:
    folder = resources.files(__package__).joinpath("templates")
    return tomllib.loads(folder.joinpath(file).read_text(encoding="utf-8"))


def _measure(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    shared = {key: row[key] for key in ("kind", "post", "cycle_days", "items")}
    return {"id": name, "text": {"zh": row["zh"], "en": row["en"]}} | shared


def _template(name: str, row: Mapping[str, str], table: Mapping[str, Any], measures: Mapping[str, Any]) -> Template:
    code = row["code"]
    zones = [one for one in table["zone"] if code in one["schools"]]
    points = [one for one in table["point"] if code in one["schools"]]
    return Template(
        name,
        table["version"],
        {"zh": row["zh"], "en": row["en"]},
        tuple(
            RegisterZone("", one["id"], number, {"zh": one["zh"], "en": one["en"]}, one["key"], 0)
            for number, one in enumerate(zones, 1)
        ),
        {one["id"]: _content(one, table["emergency"], measures) for one in points},
    )


def _content(row: Mapping[str, Any], emergency: Mapping[str, Any], measures: Mapping[str, Any]) -> Content:
    factors = {
        name: {"method": "ls", "likelihood": row[name][0], "severity": row[name][1]}
        for name in ("inherent", "existing")
    }
    source = {"name": row["source"], "event": row["event"], "accidents": row["accidents"]}
    return checked(
        {
            "name": {"zh": row["zh"], "en": row["en"]},
            "zone": row["zone"],
            "kind": row["kind"],
            "hazard": row.get("hazard", ""),
            "sources": [source],
            "measures": [measures[name] for name in row["measures"]],
            "emergency": emergency[row["emergency"]],
            "post": row["post"],
        }
        | factors
    )
