"""Alarm discipline by time: ends of silences, missed patrols, blind rooms, overdue tests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from sqlalchemy import Connection, Engine, exists, or_, select

from ingest import Catalog

from .alarm_load.chatter import Chatter, chatter
from .coverage.bump_tests import BumpTest, bump_tests
from .coverage.coverage import observed
from .coverage.overdue import OverdueTests
from .coverage.rooms import LiveZones, Room, live_zones, rooms, sensors_of
from .dangers.proof import Readings
from .database.schema import blind_rooms, findings, muted_pages, silences
from .errors import NotFound
from .escalations.pager import Router
from .hazards.findings import Observation
from .hazards.own_findings import PATROL, missed_patrol, taken_patrols
from .notices.writer import NoticeWriter
from .people.access import Actor
from .risk.registry import Registry
from .silences.muting import Muting
from .silences.release import release
from .silences.silence import Silence
from .silences.silences import Silences
from .silences.timed import SilenceTimes

ZONES_NS = 60_000_000_000
"""Time for which the live zones of all schools are kept."""
Accept = Callable[[Connection, Sequence[Observation]], None]


class AlarmDiscipline:
    """Silences of an installation and their changes by time."""

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        clock: Callable[[], int],
        *,
        accept: Accept,
        post: Callable[[Connection], NoticeWriter],
        router: Router,
    ) -> None:
        """accept: applies observations as those of detection; post: returns the writer of notices."""
        self._engine, self._registry, self._clock = engine, registry, clock
        self._accept, self._post = accept, post
        self._ordinary = engine.execution_options(ordinary=True)
        self.silences = Silences(engine, registry, clock)
        self._times = SilenceTimes(registry, router, self._missed)
        self._tests = OverdueTests(self._ordinary, registry, accept)
        self._catalog: Catalog | None = None
        self._zones: tuple[int, Mapping[str, LiveZones]] | None = None

    def tick(self, now_ns: int, catalog: Catalog | None) -> None:
        """End silences that are due, and page alarms whose silence has ended. The caller calls it each second."""
        self._catalog = catalog or self._catalog
        with self._engine.execution_options(writes=False).connect() as connection:
            if not connection.scalar(_WORK):
                return
        with self._engine.begin() as connection:
            self._times.settle(connection, now_ns)
            release(connection, self._post(connection), Muting(connection, self._registry.calendar), now_ns=now_ns)
            self._accept(connection, [*taken_patrols(connection, now_ns)])

    def cover(self, now_ns: int, readings: Readings | None) -> None:
        """Keep blind rooms with their candidate dangers, and overdue tests. The caller calls it once a minute.

        It reads every sensor and the store, so it runs beside the alarms.
        """
        if self._catalog is None:
            return
        sensors = sensors_of(self._registry, self._catalog)
        with self._reading() as connection:
            found = rooms(connection, self._registry, sensors, now_ns=now_ns)
        self._zones = now_ns, live_zones(found)
        with self._ordinary.begin() as connection:
            self._accept(connection, observed(connection, self._registry, found, now_ns=now_ns))
        self._tests.settle(sensors, readings, now_ns)

    def rooms(self, catalog: Catalog, sites: Collection[str] | None = None) -> list[Room]:
        """Return the places with a required detection, now, of sites or of all. The caller has checked the scope."""
        sensors = sensors_of(self._registry, catalog, sites)
        with self._reading() as connection:
            return rooms(connection, self._registry, sensors, now_ns=self._clock(), sites=sites)

    def live_zones(self, catalog: Catalog) -> Mapping[str, LiveZones]:
        """Return the live zones of each school by the rooms of at most a minute ago."""
        now_ns, kept = self._clock(), self._zones
        if kept is None or not 0 <= now_ns - kept[0] < ZONES_NS:
            kept = self._zones = now_ns, live_zones(self.rooms(catalog))
        return kept[1]

    def chatter(self, actor: Actor, site: str, *, span_ns: int, sensor: str | None = None) -> list[Chatter]:
        """Return the chatter index of rules and sensors of a site, the highest first. Raises NotFound."""
        if not actor.sees(site):
            raise NotFound("site", site)
        now_ns = self._clock()
        with self._reading() as connection:
            return chatter(connection, site=site, since_ns=now_ns - span_ns, until_ns=now_ns + 1, sensor=sensor)

    def blind_since(self, site: str) -> dict[tuple[str, str], int]:
        """Return (place, detection) -> begin of each blind room of a site."""
        with self._reading() as connection:
            found = connection.execute(select(blind_rooms).where(blind_rooms.c.site == site))
            return {(row.place, row.detection): row.since_ns for row in found}

    def bump_tests(self, catalog: Catalog, site: str) -> list[BumpTest]:
        """Return the bump tests of a site, the earliest due first. The caller has checked the scope."""
        sensors = sensors_of(self._registry, catalog, [site])
        with self._reading() as connection:
            return bump_tests(connection, sensors, now_ns=self._clock(), site=site)

    def _reading(self) -> Connection:
        return self._engine.execution_options(writes=False).connect()

    def _missed(self, connection: Connection, silence: Silence) -> None:
        self._accept(connection, [missed_patrol(silence, self._registry, now_ns=self._clock())])


_WORK = select(
    or_(
        exists(select(silences.c.id).where(silences.c.ended_ns.is_(None))),
        exists(select(muted_pages.c.hazard)),
        exists(select(findings.c.id).where(findings.c.active, findings.c.rule == PATROL)),
    )
)
"""Whether a silence, a muted page or a missed patrol waits."""
