"""Pages of the list of inspections, cut by the database."""

from __future__ import annotations

from sqlalchemy import Engine, select, true

from alerts.database.keyset import Column, Order, Page
from alerts.database.schema import inspections
from alerts.people.access import Actor, require

from .records import inspection_of
from .sheet import Inspection

INSPECTION_ORDER: Order[Inspection] = Order(
    "inspections",
    (
        Column(inspections.c.begin_ns, int, descending=True),
        Column(inspections.c.site, str),
        Column(inspections.c.id, str),
    ),
    lambda one: (one.begin_ns, one.site, one.id),
)
"""The newest window first; ids are unique in a site alone."""


def listed_page(
    engine: Engine, actor: Actor, page: Page, *, site: str | None, state: str | None, kind: str | None
) -> list[Inspection]:
    """Return inspections in the actor's scope in INSPECTION_ORDER. Raises Forbidden, and Invalid for the cursor."""
    require(actor, "see_inspections")
    own = inspections.c
    query = select(inspections).where(true() if actor.sites is None else own.site.in_(sorted(actor.sites)))
    for column, wanted in ((own.site, site), (own.state, state), (own.kind, kind)):
        if wanted is not None:
            query = query.where(column == wanted)
    with engine.execution_options(writes=False).connect() as connection:
        return [inspection_of(row) for row in connection.execute(INSPECTION_ORDER.page(query, page)).mappings()]
