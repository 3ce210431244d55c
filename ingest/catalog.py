"""Catalogue of sensors and metrics: codes, kinds, places and gateways.

An unregistered sensor gets a code at its first message and is unassigned until the registry names its place. A declared
one gets its code at its first message or at `enrol`. A renamed sensor keeps its code, and with it its history.
Codes are durable: the log stores the result of `drain_changes` in the transaction of the batch.
One module because codes, names, sites and renamings of a sensor change together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice, pairwise

from .errors import CatalogFull
from .sensor import CatalogChanges, Renaming, Sensor
from .undeclared import UndeclaredNames
from .vocabulary import FIRST_LEARNED_METRIC, KINDS, METRIC_BY_CODE, METRIC_BY_NAME, Metric

SERVICE_SITE = "_service"
SENSORS_MAX = 2_000_000
SERVICE_DEVICE = "_service"
"""Id of the device in each site to which the service attaches its own readings about the site."""
LEARNED_METRICS_MAX = 10_000
STATE = ("catalog", "state")
"""Owner and key in the log's memory: number of the last renaming and version, for the processes that read the log."""
_NO_SENSOR = -1


class Catalog:
    """All sensors and learned metrics, by code and by identity.

    One thread (ingest) writes. Other threads may read, because entries are only added or replaced as a whole.
    `version` grows with every change: a detector that caches per-sensor data compares it and reads the changes since.
    A gateway is a sensor too and gets its code with the first sensor behind it.
    """

    def __init__(
        self,
        declared: Iterable[Sensor] = (),
        *,
        sensors_max: int = SENSORS_MAX,
        undeclared_max: int = SENSORS_MAX,
        sites_max: int = SENSORS_MAX,
        sites: Collection[str] | None = None,
    ) -> None:
        """declared: sensors of the registry; a code is assigned at first use. sites: accepted ones, None for any.

        undeclared_max: bound on the undeclared sensors of a site; sites_max: bound on sites without a declared sensor.
        """
        self._sites = None if sites is None else frozenset(sites)
        self._altered: list[int] = []
        self._sensors_max = sensors_max
        self._declared = {
            (sensor.site, sensor.id): replace(sensor, code=_NO_SENSOR, declared=True) for sensor in declared
        }
        self._expected = dict.fromkeys(self._declared)
        self._renamings: dict[int, Renaming] = {}
        self._undeclared = UndeclaredNames(
            (site for site, _ in self._declared),
            names_max=undeclared_max,
            sites_max=sites_max,
            elsewhere=SERVICE_SITE,
        )
        self._sensors: list[Sensor] = []
        self._code: dict[tuple[str, str], int] = {}
        self._by_site: dict[str, list[int]] = {}
        self._learned: dict[str, Metric] = {}
        self._learned_by_code: dict[int, Metric] = {}
        self._changed: dict[int, Sensor] = {}
        self._changed_metrics: list[Metric] = []
        self.code(SERVICE_SITE, "clock", "device")

    @property
    def version(self) -> int:
        """Number of changes so far."""
        return len(self._altered)

    def changed(self, since: int) -> set[int]:
        """Return the codes of the sensors that are new or changed since that version."""
        return {code for code in self._altered[since:] if code >= 0}

    def __len__(self) -> int:
        return len(self._sensors)

    def __getitem__(self, code: int) -> Sensor:
        return self._sensors[code]

    def __iter__(self) -> Iterator[Sensor]:
        return iter(list(self._sensors))

    def sites(self) -> list[str]:
        """Return the sites with a sensor, in no order."""
        return list(self._by_site)

    def of_site(self, site: str) -> list[Sensor]:
        """Return the sensors of a site by code; read those of no other site."""
        return [self._sensors[code] for code in list(self._by_site.get(site, ()))]

    def size_of(self, site: str) -> int:
        """Return the number of sensors of a site."""
        return len(self._by_site.get(site, ()))

    def find(self, site: str, sensor_id: str) -> Sensor | None:
        """Return the sensor of that identity, or None when it has neither a message nor a declaration."""
        code = self._code.get((site, sensor_id))
        return self._declared.get((site, sensor_id)) if code is None else self._sensors[code]

    def accepts(self, site: str) -> bool:
        """Return whether readings of the site are accepted."""
        return self._sites is None or site in self._sites

    def has_code(self, sensor: Sensor) -> bool:
        """Return whether the sensor has a code, beyond its declaration."""
        return (sensor.site, sensor.id) in self._code

    @property
    def renamed(self) -> int:
        """Number of the last renaming, 0 without one."""
        return max(self._renamings, default=0)

    def renamings(self, after: int = 0) -> list[Renaming]:
        """Return the renamings with higher numbers, in order."""
        return [self._renamings[number] for number in sorted(self._renamings) if number > after]

    def enrol(self, count: int) -> list[int]:
        """Return the codes of at most `count` declared sensors, assigned at need; each once in the life of the log."""
        found: list[int] = []
        with suppress(CatalogFull):
            for key in list(islice(self._expected, count)):
                code = self._code.get(key)
                found += [self._register(*key, self._declared[key].kind) if code is None else code]
                del self._expected[key]
        return found

    def code(self, site: str, sensor_id: str, kind: str, *, wire: str = "", now_ns: int = 0, live: bool = True) -> int:
        """Return the code of a sensor, assigned at first use. A more specific kind replaces the stored one (KINDS).

        wire, now_ns: format and arrival of the message, stored with the first one. live: no retained copy; a removed
        sensor is in use again. Raises CatalogFull at the bound.
        """
        code = self._code.get((site, sensor_id))
        if code is None:
            return self._register(site, sensor_id, kind, wire=wire, now_ns=now_ns)
        known = self._sensors[code]
        back = live and (known.removed or known.asleep)
        if now_ns and (back or not known.first_ns):
            known = replace(known, removed=False, asleep=False) if back else known
            known = known if known.first_ns else replace(known, format=wire, first_ns=now_ns)
            self._put(known)
        if KINDS.index(kind) < KINDS.index(known.kind) and (site, sensor_id) not in self._declared:
            self._put(replace(known, kind=kind))
        return code

    def metric(self, name: str) -> Metric:
        """Return the metric of that name; an undescribed one is learned, without unit or range.

        Raises CatalogFull at the bound.
        """
        known = METRIC_BY_NAME.get(name) or self._learned.get(name)
        if known is not None:
            return known
        if len(self._learned) >= LEARNED_METRICS_MAX:
            raise CatalogFull("metrics", LEARNED_METRICS_MAX)
        metric = Metric(FIRST_LEARNED_METRIC + len(self._learned), name, "")
        self._keep_metric(metric)
        self._changed_metrics.append(metric)
        return metric

    def learned(self, name: str) -> Metric | None:
        """Return the learned metric of that name, or None when no reading has it."""
        return self._learned.get(name)

    def metric_of(self, code: int) -> Metric:
        """Return the metric of that code. Raises KeyError for an unassigned code."""
        return METRIC_BY_CODE.get(code) or self._learned_by_code[code]

    def knows(self, code: int) -> bool:
        """Return whether the metric code is assigned."""
        return code in METRIC_BY_CODE or code in self._learned_by_code

    def update(self, sensor: Sensor) -> None:
        """Replace the entry of a sensor that has a code (id, place, profile, period, limits, gateway, removed)."""
        self._put(sensor)
        self._register_gateway(sensor)

    def behind(self, code: int, gateway: str) -> None:
        """Record the gateway of a sensor's message. A gateway that the registry declares has precedence."""
        known = self._sensors[code]
        declared = self._declaration(known)
        if gateway in (known.gateway, known.id) or (declared is not None and declared.gateway):
            return
        self.update(replace(known, gateway=gateway))

    def service_device(self, site: str) -> int:
        """Return the code of the service's device in a site. Raises CatalogFull at the bound of all sensors."""
        return self.code(site, SERVICE_DEVICE, "device")

    def drain_new_names(self) -> dict[str, int]:
        """Return the number of new undeclared names by site since the last call, rejected ones included.

        Names of sites beyond the bound are counted under SERVICE_SITE.
        """
        return self._undeclared.drain()

    def drain_changes(self) -> CatalogChanges:
        """Return the changes since the last call, to be stored with the next batch."""
        changes = CatalogChanges(tuple(self._changed.values()), tuple(self._changed_metrics))
        self._changed, self._changed_metrics = {}, []
        return changes

    def copy(self) -> Catalog:
        """Return an independent copy without pending changes; thread-safe."""
        made = Catalog(sensors_max=self._sensors_max)
        made._sites = self._sites
        made._declared, made._undeclared = self._declared, self._undeclared.copy()
        made._code = self._code.copy()  # before the sensors: every code here then has its sensor
        made._learned, made._learned_by_code = self._learned.copy(), self._learned_by_code.copy()
        made._sensors = self._sensors.copy()
        for sensor in made._sensors:
            made._by_site.setdefault(sensor.site, []).append(sensor.code)
        made._altered = list(range(len(made._sensors)))
        made._changed, made._renamings, made._expected = {}, self._renamings.copy(), {}
        return made

    def load(self, sensors: Sequence[Sensor], metrics: Sequence[Metric]) -> None:
        """Restore the entries of the log, codes ascending. Declarations of the registry override them."""
        renamed = [sensor for sensor in sensors if sensor.former]
        for sensor in sensors:
            if sensor.former:
                self._put(sensor, durable=True)
            else:
                self._load(sensor)
        for sensor in renamed:  # after the others: one of them may have its former id
            self._load(sensor)
        for metric in metrics:
            self._keep_metric(metric)
        for sensor in list(self._sensors):
            self._register_gateway(sensor)

    def _load(self, sensor: Sensor) -> None:
        """Restore one entry; without a declaration in a registry that has any, its place ends."""
        self._expected.pop((sensor.site, sensor.id), None)
        declared = self._declaration(sensor)
        if declared is not None:
            known = replace(declared, code=sensor.code, id=sensor.id, format=sensor.format, first_ns=sensor.first_ns)
            known = replace(known, removed=sensor.removed, asleep=sensor.asleep)
            gateway = declared.gateway or sensor.gateway
            self._put(replace(known, gateway=gateway, former=sensor.former))
        elif self._declared and (sensor.declared or sensor.place or sensor.period_s or sensor.limits):
            self._put(sensor.undeclared())
        else:
            self._put(sensor, durable=True)

    def _declaration(self, sensor: Sensor) -> Sensor | None:
        """Return the declaration of the sensor's id, else of its newest former id.

        A removed sensor loses the declaration of a former id to the sensor that has the id now.
        """
        former = [(sensor.site, name) for name, _ in reversed(sensor.former)]
        own = [key for key in former if not (sensor.removed and key in self._code)]
        keys = ((sensor.site, sensor.id), *own)
        return next((self._declared[key] for key in keys if key in self._declared), None)

    def _register(self, site: str, sensor_id: str, kind: str, *, wire: str = "", now_ns: int = 0) -> int:
        if _counts(site, sensor_id) and (site, sensor_id) not in self._declared:
            self._undeclared.admit(site)
        if len(self._sensors) >= self._sensors_max:
            raise CatalogFull("sensors", self._sensors_max)
        declared = self._declared.get((site, sensor_id))
        code = len(self._sensors)
        known = Sensor(code, sensor_id, site, kind) if declared is None else declared
        self._put(replace(known, code=code, format=wire, first_ns=now_ns))
        self._register_gateway(self._sensors[code])
        return code

    def _register_gateway(self, sensor: Sensor) -> None:
        """Assign a code to the sensor's gateway; without effect at the bound."""
        if sensor.gateway and sensor.gateway != sensor.id and (sensor.site, sensor.gateway) not in self._code:
            with suppress(CatalogFull):
                self._register(sensor.site, sensor.gateway, "device")

    def _put(self, sensor: Sensor, *, durable: bool = False) -> None:
        key = sensor.site, sensor.id
        if sensor.code == len(self._sensors):
            self._sensors.append(sensor)
            self._by_site.setdefault(sensor.site, []).append(sensor.code)
            if _counts(*key) and key not in self._declared:
                self._undeclared.add(sensor.site)
        else:
            before = self._sensors[sensor.code]
            if before.id != sensor.id and self._code.get((before.site, before.id)) == sensor.code:
                del self._code[before.site, before.id]
            self._sensors[sensor.code] = sensor
        self._code[key] = sensor.code
        if sensor.former:
            self._index_former(sensor)
        if not durable:
            self._changed[sensor.code] = sensor
        self._altered.append(sensor.code)

    def _index_former(self, sensor: Sensor) -> None:
        """Register the renamings of a sensor; the declaration of a former id is its own."""
        for (old, number), (new, _) in pairwise((*sensor.former, (sensor.id, 0))):
            self._renamings[number] = Renaming(number, sensor.site, old, new)
            self._expected.pop((sensor.site, old), None)

    def _keep_metric(self, metric: Metric) -> None:
        self._learned[metric.name] = metric
        self._learned_by_code[metric.code] = metric
        self._altered.append(_NO_SENSOR)


def _counts(site: str, sensor_id: str) -> bool:
    """Return whether a name belongs to a device and not to the service."""
    return site != SERVICE_SITE and sensor_id != SERVICE_DEVICE
