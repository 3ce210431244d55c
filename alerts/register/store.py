"""Risk register of all sites: edit, approve, remove and fill; each change is audited."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from alerts.database import journal
from alerts.database.journal import Event
from alerts.database.schema import printed_cards, risk_points, risk_zones
from alerts.errors import GuardFailed, Invalid, NotFound, Stale
from alerts.people.access import SYSTEM, Actor, require
from alerts.risk.content import Content, Factors, Measure, Text, checked
from alerts.risk.grading import methods
from alerts.risk.registry import Registry, RiskPoint

from .approval import require_other_person
from .changes import Change, save_point, save_printed, save_zone
from .checks import record_check
from .records import APPROVED, CHANGED, DRAFT, REMOVED, Entry, RegisterZone, entry_of

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
HISTORY_MAX = 200
POINTS_MAX = 5_000
"""Risk points of one site."""


class Register:
    """Zones and risk points in the database. Methods may be called from several threads."""

    def __init__(self, engine: Engine, registry: Registry, clock: Callable[[], int]) -> None:
        """registry: its zones take those of the register, so that hazards and lists use them."""
        self._engine, self._registry, self._clock = engine, registry, clock
        self._reading = engine.execution_options(writes=False)
        self._publish()

    def zones(self, actor: Actor, site: str) -> list[RegisterZone]:
        """Return the zones of a site by number. Raises NotFound for a site out of scope."""
        self._require_site(actor, site)
        query = select(risk_zones).where(risk_zones.c.site == site).order_by(risk_zones.c.number, risk_zones.c.id)
        with self._reading.connect() as connection:
            found = [RegisterZone(**row) for row in connection.execute(query).mappings()]
        stored = {zone.id for zone in found}
        for zone in list(self._registry.zones.values()):
            if zone.site == site and zone.id not in stored:
                name = {"zh": zone.name_zh or zone.id, "en": zone.name_en or zone.id}
                found.append(RegisterZone(site, zone.id, 0, name, zone.key, 0))
        return found

    def entries(self, actor: Actor, site: str | None = None) -> list[Entry]:
        """Return the risk points in the actor's scope by site and number, without removed ones."""
        require(actor, "see")
        query = select(risk_points).where(risk_points.c.state != REMOVED)
        if site is not None:
            query = query.where(risk_points.c.site == site)
        query = query.order_by(risk_points.c.site, risk_points.c.number, risk_points.c.id)
        with self._reading.connect() as connection:
            return [entry_of(row) for row in connection.execute(query).mappings() if actor.sees(row["site"])]

    def entry(self, actor: Actor, site: str, point: str) -> Entry:
        """Return one risk point. Raises NotFound, also for a site out of scope."""
        with self._reading.connect() as connection:
            found = _entry(connection, site, point)
        if found is None or not actor.sees(site):
            raise NotFound("risk point", f"{site}/{point}")
        return found

    def approved(self, sites: Iterable[str]) -> list[RiskPoint]:
        """Return the approved risk points of sites by site and id."""
        wanted = set(sites)
        query = select(risk_points).where(risk_points.c.approved.is_not(None), risk_points.c.state != REMOVED)
        query = query.order_by(risk_points.c.site, risk_points.c.id)
        if len(wanted) == 1:
            query = query.where(risk_points.c.site == next(iter(wanted)))
        with self._reading.connect() as connection:
            rows = [entry_of(row) for row in connection.execute(query).mappings() if row["site"] in wanted]
        return [point for row in rows if (point := row.point()) is not None]

    def history(self, actor: Actor, site: str, point: str) -> list[Event]:
        """Return the journal entries of a risk point, the newest first. Raises NotFound."""
        entry = self.entry(actor, site, point)
        with self._reading.connect() as connection:
            return journal.read(connection, subject=entry.subject, limit=HISTORY_MAX, newest=True)

    def put_zone(
        self, actor: Actor, site: str, zone: str, *, name: Mapping[str, str], key: str, version: int | None
    ) -> RegisterZone:
        """Create or change a zone. version: the present one, None to create. Raises Invalid, NotFound, Stale."""
        require(actor, "edit_register")
        self._require_site(actor, site)
        _require_ids(zone=zone)
        if not any(text.strip() for text in name.values()):
            raise Invalid({"name": "a text in one language at least"}, zh={"name": "至少一种语言的名称"})
        with self._engine.begin() as connection:
            change = self._change(connection, actor)
            made = save_zone(change, site, zone, name=name, key=key, version=version or 0)
        self._publish(site)
        return made

    def put(self, actor: Actor, site: str, point: str, table: Mapping[str, Any], *, version: int | None) -> Entry:
        """Create or edit a risk point; the edit waits for its approval. version: the present one, None to create.

        Raises Invalid with every wrong field, NotFound, Stale.
        """
        require(actor, "edit_register")
        self._require_site(actor, site)
        _require_ids(point=point)
        content = checked(table)
        with self._engine.begin() as connection:
            self._require_zone(connection, site, content)
            before = _entry(connection, site, point)
            _require_version(before, version)
            state = DRAFT if before is None or before.approved is None else CHANGED
            return save_point(
                self._change(connection, actor), before, site, point, kind="risk_point.edited", content=content,
                state=state,
            )  # fmt: skip

    def approve(self, actor: Actor, site: str, versions: Mapping[str, int]) -> list[Entry]:
        """Approve the newest edits of another person, all or none. Raises NotFound, Stale, GuardFailed."""
        require(actor, "approve_register")
        self._require_site(actor, site)
        done = []
        with self._engine.begin() as connection:
            change = self._change(connection, actor)
            for point, version in versions.items():
                before = _entry(connection, site, point)
                if before is None:
                    raise NotFound("risk point", f"{site}/{point}")
                _require_version(before, version)
                if before.state == APPROVED:
                    raise GuardFailed("approved", f"{point} 没有待审批的修改", f"{point} has no edit to approve")
                require_other_person(connection, actor, before)
                kind = "risk_point.approved"
                done.append(save_point(change, before, site, point, kind=kind, content=before.content, state=APPROVED))
        return done

    def remove(self, actor: Actor, site: str, point: str, *, version: int) -> None:
        """Remove a risk point; the journal keeps it. Raises NotFound, Stale."""
        require(actor, "edit_register")
        before = self.entry(actor, site, point)
        with self._engine.begin() as connection:
            before = _entry(connection, site, point) or before
            _require_version(before, version)
            kind = "risk_point.removed"
            save_point(
                self._change(connection, actor), before, site, point, kind=kind, content=before.content, state=REMOVED
            )

    def write(
        self,
        actor: Actor,
        site: str,
        zones: Sequence[RegisterZone],
        contents: Mapping[str, Content],
        *,
        origin: str,
        approve: bool = False,
    ) -> tuple[int, int]:
        """Write zones and risk points in one transaction; return the numbers of new and of changed points.

        An equal point stays as it is. origin: template or list, for the journal.
        """
        self._require_site(actor, site)
        new = changed = 0
        with self._engine.begin() as connection:
            change = self._change(connection, actor, origin=origin)
            known = set(connection.scalars(select(risk_zones.c.id).where(risk_zones.c.site == site)))
            for zone in zones:
                if zone.id not in known and (site, zone.id) not in self._registry.zones:
                    save_zone(change, site, zone.id, name=zone.name, key=zone.key, version=0)
            rows = connection.execute(select(risk_points).where(risk_points.c.site == site)).mappings()
            present = {row["id"]: entry_of(row) for row in rows}
            if len(present.keys() | contents.keys()) > POINTS_MAX:
                raise Invalid(
                    {"points": f"at most {POINTS_MAX} at one site"},
                    zh={"points": f"每所学校最多 {POINTS_MAX} 个风险点"},
                )
            for point, content in contents.items():
                before = present.get(point)
                if before is not None and before.state != REMOVED and before.content == content:
                    continue
                new, changed = new + (before is None), changed + (before is not None)
                state = DRAFT if before is None or before.approved is None else CHANGED
                kind = "risk_point.approved" if approve else "risk_point.edited"
                save_point(
                    change, before, site, point, kind=kind, content=content, state=APPROVED if approve else state
                )
        self._publish(site)
        return new, changed

    def check(self, actor: Actor, site: str, point: str, measure: str, *, works: bool, note: str) -> None:
        """Record the result of a check of a measure. Raises Forbidden, NotFound, Invalid."""
        require(actor, "check_measure")
        entry = self.entry(actor, site, point)
        with self._engine.begin() as connection:
            record_check(self._change(connection, actor), entry, measure, works=works, note=note)

    def printed(self, entries: Sequence[Entry]) -> dict[str, tuple[int, int]]:
        """Return version and time of the newest printed card of risk points, by subject."""
        sites = sorted({entry.site for entry in entries})
        with self._reading.connect() as connection:
            rows = connection.execute(select(printed_cards).where(printed_cards.c.site.in_(sites))).all()
        return {f"{row.site}/{row.point}": (row.version, row.printed_ns) for row in rows}

    def note_printed(self, actor: Actor, site: str, versions: Mapping[str, int]) -> None:
        """Record that the cards of these risk points were printed in these versions."""
        with self._engine.begin() as connection:
            save_printed(self._change(connection, actor), site, versions)

    def fill(self) -> list[str]:
        """Import the risk points of the campus file at sites without a register; return these sites."""
        by_site: dict[str, dict[str, Content]] = {}
        for point in self._registry.risk_points:
            by_site.setdefault(point.site, {})[point.id] = content_of(point)
        with self._reading.connect() as connection:
            known = set(connection.scalars(select(risk_points.c.site).distinct()))
        new = [site for site in by_site if site not in known]
        for site in new:
            self.write(SYSTEM, site, [], by_site[site], origin="campus file", approve=True)
        return new

    def _publish(self, site: str | None = None) -> None:
        """Set the zones of the registry to those of the database."""
        query = select(risk_zones) if site is None else select(risk_zones).where(risk_zones.c.site == site)
        with self._reading.connect() as connection:
            for row in connection.execute(query).mappings():
                key = row["site"], row["id"]
                self._registry.zones[key] = RegisterZone(**row).zone(self._registry.zones.get(key))

    def _change(self, connection: Connection, actor: Actor, *, origin: str = "") -> Change:
        return Change(connection, actor.username, self._clock(), origin)

    def _require_site(self, actor: Actor, site: str) -> None:
        if not actor.sees(site) or (site not in self._registry.sites and actor.sites is None and not self._known(site)):
            raise NotFound("site", site)

    def _known(self, site: str) -> bool:
        return any(zone.site == site for zone in list(self._registry.zones.values()))

    def _require_zone(self, connection: Connection, site: str, content: Content) -> None:
        query = select(func.count()).where(risk_zones.c.site == site, risk_zones.c.id == content.zone)
        if (site, content.zone) not in self._registry.zones and not connection.scalar(query):
            listed = ", ".join(sorted(zone.id for zone in list(self._registry.zones.values()) if zone.site == site))
            raise Invalid(
                {"zone": f"{content.zone!r}: allowed is one of {listed}"},
                zh={"zone": f"没有区域“{content.zone}”，允许：{listed}"},
            )
        if content.place and (site, content.place) not in self._registry.places:
            raise Invalid(
                {"place": f"no place {content.place!r} at {site}"}, zh={"place": f"{site} 没有位置“{content.place}”"}
            )


def content_of(point: RiskPoint) -> Content:
    """Return the content of a risk point of the campus file; it states no inherent risk."""
    method = methods()[point.method]
    exposure = point.exposure if "exposure" in method.factors else None
    factors = Factors(point.method, method.version, point.likelihood, point.severity, exposure)
    measures = tuple(Measure(f"m{number}", Text(text)) for number, text in enumerate(point.measures, 1))
    name = Text(point.name_zh or point.id, point.name_en or point.name_zh or point.id)
    return Content(name, point.zone, place=point.place, hazard=point.hazard, existing=factors, measures=measures)


def _entry(connection: Connection, site: str, point: str) -> Entry | None:
    query = select(risk_points).where(risk_points.c.site == site, risk_points.c.id == point)
    row = connection.execute(query).mappings().first()
    return None if row is None or row["state"] == REMOVED else entry_of(row)


def _require_version(before: Entry | None, version: int | None) -> None:
    present = before.version if before else 0
    if present != (version or 0):
        raise Stale(version or 0, present)


def _require_ids(**ids: str) -> None:
    wrong = {
        name: f"{given!r}: 1 to 64 letters, digits, dots, dashes"
        for name, given in ids.items()
        if not ID.fullmatch(given)
    }
    if wrong:
        raise Invalid(wrong, zh=dict.fromkeys(wrong, "编号为 1 至 64 个字母、数字、点或短横"))
