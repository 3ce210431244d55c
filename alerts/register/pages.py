"""Pages of the approved risk points, cut by the database."""

from __future__ import annotations

from sqlalchemy import Engine, select, true

from alerts.database.keyset import Column, Order, Page
from alerts.database.schema import risk_points
from alerts.people.access import Actor, require

from .records import REMOVED, Entry, entry_of

POINT_ORDER: Order[Entry] = Order(
    "risk-points",
    (Column(risk_points.c.site, str), Column(risk_points.c.id, str)),
    lambda entry: (entry.site, entry.id),
)
"""By site and id."""


def approved_page(engine: Engine, actor: Actor, site: str | None, page: Page) -> list[Entry]:
    """Return approved risk points in the actor's scope, of one site if given, in POINT_ORDER. Raises Invalid."""
    require(actor, "see")
    own = risk_points.c
    scope = true() if actor.sites is None else own.site.in_(sorted(actor.sites))
    query = select(risk_points).where(own.state != REMOVED, own.approved.is_not(None), scope)
    if site is not None:
        query = query.where(own.site == site)
    with engine.execution_options(writes=False).connect() as connection:
        return [entry_of(row) for row in connection.execute(POINT_ORDER.page(query, page)).mappings()]
