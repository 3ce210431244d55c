"""Texts that a bureau sees: the name of the cause in place of a text about single persons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from alerts.model import Hazard
from alerts.people.access import Actor, minimised
from alerts.risk.causes import causes


def shown_hazards(found: Iterable[Hazard], actor: Actor) -> list[Hazard]:
    """Return the hazards as the actor sees them."""
    if not minimised(actor):
        return [*found]
    return [replace(one, text=_named(one.kind)) if causes()[one.kind].personal else one for one in found]


def _named(kind: str) -> dict[str, str]:
    cause = causes()[kind]
    return {"zh": cause.zh, "en": cause.en}
