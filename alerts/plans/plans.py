"""Plans in the database: one row a site with a version; each change is audited and takes effect."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, update

from alerts.database import journal
from alerts.database.row_changes import added, changed
from alerts.database.schema import journal as journal_table
from alerts.database.schema import plan_pictures, plans
from alerts.errors import Invalid, NotFound, Stale
from alerts.people.access import Actor, require
from alerts.risk.registry import Registry

from .pictures import PICTURES_MAX, Picture, redrawn
from .plan import Plan, adopt, check, decode, encode, kept, of_registry

PICTURE_ADDED = "plan.picture_added"
FRESH_NS = 86_400_000_000_000
"""Time in which an uploaded picture waits for the plan that names it."""


class Plans:
    """Plans of all sites. Methods may be called from several threads."""

    def __init__(self, engine: Engine, registry: Registry, clock: Callable[[], int]) -> None:
        """Adopt the stored plans into the registry."""
        self._engine, self._registry, self._clock = engine, registry, clock
        self._reading = engine.execution_options(writes=False)
        self._lock = threading.Lock()
        with self._reading.connect() as connection:
            for row in connection.execute(select(plans.c.content).order_by(plans.c.site)):
                adopt(registry, decode(row.content))

    def get(self, actor: Actor, site: str) -> tuple[Plan, int]:
        """Return the plan of a site and its version, 0 for one of the campus file. Raises NotFound."""
        if not actor.sees(site):
            raise NotFound("site", site)
        with self._reading.connect() as connection:
            row = connection.execute(select(plans).where(plans.c.site == site)).first()
        present = of_registry(self._registry, site)
        if row is None:
            return present, 0
        stored = decode(row.content)
        drawn = {zone.id for zone in stored.zones}
        further = tuple(zone for zone in present.zones if zone.id not in drawn)  # of the risk register
        return replace(stored, zones=stored.zones + further), row.version

    def put(self, actor: Actor, plan: Plan, *, version: int) -> int:
        """Replace the plan of a site; return its new version. Raises Forbidden, NotFound, Invalid and Stale.

        People of zones, stairs and the calendar stay as they are.
        """
        require(actor, "edit_plan")
        before, present = self.get(actor, plan.site.id)
        made = kept(plan, before)
        check(made, self._registry)
        self._check_pictures(made)
        if present != version:
            raise Stale(version, present)
        return self._write(actor, made, present)

    def found(self, actor: Actor, plan: Plan) -> int:
        """Create or replace a site with its calendar, as the first set-up does; return the new version."""
        require(actor, "set_up")
        _, present = self.get(actor, plan.site.id)
        check(plan, self._registry)
        return self._write(actor, plan, present)

    def _write(self, actor: Actor, plan: Plan, present: int) -> int:
        site = plan.site.id
        row = {"site": site, "version": present + 1, "content": encode(plan)}
        with self._lock:
            with self._engine.begin() as connection:
                before = connection.execute(select(plans).where(plans.c.site == site)).mappings().first()
                if before is None and present == 0:
                    connection.execute(insert(plans).values(row))
                    change = added(plans, row)
                else:
                    same = (plans.c.site == site) & (plans.c.version == present)
                    if before is None or connection.execute(update(plans).where(same).values(row)).rowcount != 1:
                        raise Stale(present, before["version"] if before else 0)
                    change = changed(plans, dict(before), row)
                wanted = {floor.picture for floor in plan.floors if floor.picture} | self._fresh(connection, site)
                unused = (plan_pictures.c.site == site) & plan_pictures.c.digest.not_in(sorted(wanted))
                connection.execute(delete(plan_pictures).where(unused))
                sizes = {name: len(getattr(plan, name)) for name in ("floors", "zones", "places", "sensors")}
                journal.append(
                    connection,
                    at_ns=self._clock(),
                    actor=actor.username,
                    kind="plan.written",
                    site=site,
                    subject=f"plan.{site}",
                    facts={"version": present + 1} | sizes,
                    rows=[change],
                )
            adopt(self._registry, plan)  # once it is stored
        return present + 1

    def _fresh(self, connection: Connection, site: str) -> set[str]:
        """Return the pictures of the last day: another editor may not have saved the plan that names them."""
        own, since_ns = journal_table.c, self._clock() - FRESH_NS
        query = select(own.seq, own.body).where(own.subject == f"plan.{site}", own.kind == PICTURE_ADDED)
        newest = connection.execute(query.order_by(own.seq.desc()).limit(PICTURES_MAX))
        events = [journal.entry(row.seq, row.body) for row in newest]
        return {str(event.facts["digest"]) for event in events if event.at_ns >= since_ns}

    def add_picture(self, actor: Actor, site: str, content: bytes) -> Picture:
        """Store a re-encoded picture until the plan names it. Raises Forbidden, NotFound and Invalid."""
        require(actor, "edit_plan")
        if not actor.sees(site):
            raise NotFound("site", site)
        picture = redrawn(content)
        key: Mapping[str, Any] = {"site": site, "digest": picture.digest}
        same = (plan_pictures.c.site == site) & (plan_pictures.c.digest == picture.digest)
        with self._engine.begin() as connection:
            known = connection.scalars(select(plan_pictures.c.digest).where(plan_pictures.c.site == site)).all()
            if picture.digest not in known and len(known) >= PICTURES_MAX:
                raise Invalid(
                    {"picture": f"{PICTURES_MAX} at most at one site; unused ones go with the plan a day later"},
                    zh={"picture": f"每所学校最多 {PICTURES_MAX} 张底图；上传一天后，保存平面图会删除未使用的底图"},
                )
            connection.execute(delete(plan_pictures).where(same))
            row = {**key, "width": picture.width, "height": picture.height, "content": picture.content}
            connection.execute(insert(plan_pictures).values(row))
            journal.append(
                connection,
                at_ns=self._clock(),
                actor=actor.username,
                kind=PICTURE_ADDED,
                site=site,
                subject=f"plan.{site}",
                facts={**key, "width": picture.width, "height": picture.height},
            )
        return picture

    def picture(self, actor: Actor, site: str, digest: str) -> Picture:
        """Return a stored picture. Raises NotFound, also for a site out of scope."""
        same = (plan_pictures.c.site == site) & (plan_pictures.c.digest == digest)
        with self._reading.connect() as connection:
            row = connection.execute(select(plan_pictures).where(same)).first()
        if row is None or not actor.sees(site):
            raise NotFound("picture", f"{site}/{digest}")
        return Picture(row.digest, row.width, row.height, row.content)

    def _check_pictures(self, plan: Plan) -> None:
        with self._reading.connect() as connection:
            query = select(plan_pictures.c.digest).where(plan_pictures.c.site == plan.site.id)
            known = set(connection.scalars(query))
        missing = [f"floors.{one.floor}.picture" for one in plan.floors if one.picture not in {"", *known}]
        if missing:
            en, zh = "the digest of an uploaded picture", "须为已上传底图的校验值"
            raise Invalid(dict.fromkeys(missing, en), zh=dict.fromkeys(missing, zh))
