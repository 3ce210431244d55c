"""Open hazards of each site by grade, counted by the database."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Engine, func, select, true

from alerts.database.schema import hazards
from alerts.people.access import Actor, require


def open_grades(engine: Engine, actor: Actor, sites: Collection[str]) -> dict[str, dict[int, int]]:
    """Return site -> grade -> number of the hazards of sites open now in the actor's scope, without drills."""
    require(actor, "see")
    own, found = hazards.c, dict[str, dict[int, int]]()
    scope = true() if actor.sites is None else own.site.in_(sorted(actor.sites))
    query = select(own.site, own.grade, func.count().label("number")).where(
        own.active, ~own.drill, scope, own.site.in_(sorted(sites))
    )
    with engine.execution_options(writes=False).connect() as connection:
        for row in connection.execute(query.group_by(own.site, own.grade)):
            found.setdefault(row.site, {})[row.grade] = row.number
    return found
