"""Who sends what: every sensor that was ever heard, with its code, its kind and where it hangs.

A sensor that nobody registered gets a code at its first message and stands as unassigned: kept, never lost.
Codes are durable: whoever writes a batch to the log also writes what `drain_changes` returns, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from .errors import CatalogFull
from .vocabulary import FIRST_LEARNED_METRIC, KINDS, METRIC_BY_CODE, METRIC_BY_NAME, Metric

SERVICE_SITE = "_service"
SENSORS_MAX = 2_000_000
SERVICE_DEVICE = "_service"
"""Under this name each site has a device by which the service itself speaks of the site."""
LEARNED_METRICS_MAX = 10_000
_NO_SENSOR = -1


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor as the catalogue knows it.

    id: the identity found on the wire, unique in its site; place: id of the place where it hangs, "" while unassigned;
    profile: how its surroundings behave ("kitchen", "waterside", ...; "" for the usual); period_s: the longest time
    between two of its messages, 0 when unknown; limits: metric -> rising alarm limits of this very sensor; gateway: id
    of the device of the same site that it is heard through, "" when none is known; format, first_ns: of the first
    message that was heard of it, "" and 0 where there was none.
    """

    code: int
    id: str
    site: str
    kind: str
    place: str = ""
    profile: str = ""
    period_s: float = 0.0
    limits: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    gateway: str = ""
    format: str = ""
    first_ns: int = 0

    @property
    def assigned(self) -> bool:
        """True once the sensor is bound to a place."""
        return bool(self.place)


@dataclass(frozen=True, slots=True)
class CatalogChanges:
    """Durable fact: sensors and metrics that are new or changed since the last call."""

    sensors: tuple[Sensor, ...] = ()
    metrics: tuple[Metric, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.sensors or self.metrics)


class Catalog:
    """All sensors and learned metrics, by code and by identity.

    Written by one thread (ingest); readers may look things up from others, because entries are only added or replaced
    whole. `version` grows with every change: a detector that caches per-sensor facts compares it, and asks for what
    changed since. A sensor's gateway is a sensor too and gets its code with the first sensor behind it.
    """

    def __init__(
        self,
        declared: Iterable[Sensor] = (),
        *,
        sensors_max: int = SENSORS_MAX,
        undeclared_max: int = SENSORS_MAX,
        sites_max: int = SENSORS_MAX,
    ) -> None:
        """Declared sensors (from the site's registry) are known by identity; their codes come at first use.

        undeclared_max: sensors that a site may have beyond those; sites_max: sites of which none is declared.
        """
        self._altered: list[int] = []
        self._sensors_max, self._undeclared_max, self._sites_max = sensors_max, undeclared_max, sites_max
        self._declared = {(sensor.site, sensor.id): replace(sensor, code=_NO_SENSOR) for sensor in declared}
        self._undeclared: dict[str, int] = dict.fromkeys((site for site, _ in self._declared), 0)
        self._strange_sites = 0
        self._met: dict[str, int] = {}
        self._sensors: list[Sensor] = []
        self._code: dict[tuple[str, str], int] = {}
        self._learned: dict[str, Metric] = {}
        self._learned_by_code: dict[int, Metric] = {}
        self._changed: dict[int, Sensor] = {}
        self._changed_metrics: list[Metric] = []
        self.code(SERVICE_SITE, "clock", "device")

    @property
    def version(self) -> int:
        """How many changes there have been; a larger number than before means that something changed."""
        return len(self._altered)

    def changed(self, since: int) -> set[int]:
        """Codes of the sensors that are new or altered since that version."""
        return {code for code in self._altered[since:] if code >= 0}

    def __len__(self) -> int:
        return len(self._sensors)

    def __getitem__(self, code: int) -> Sensor:
        return self._sensors[code]

    def __iter__(self) -> Iterator[Sensor]:
        return iter(list(self._sensors))

    def find(self, site: str, sensor_id: str) -> Sensor | None:
        """The sensor of that identity, or None when it was never heard or declared."""
        code = self._code.get((site, sensor_id))
        return self._declared.get((site, sensor_id)) if code is None else self._sensors[code]

    def has_code(self, sensor: Sensor) -> bool:
        """Whether the sensor was heard, and not only declared."""
        return (sensor.site, sensor.id) in self._code

    def code(self, site: str, sensor_id: str, kind: str, *, wire: str = "", now_ns: int = 0) -> int:
        """The code of a sensor, given at first use. A more telling kind replaces a lesser one (KINDS).

        wire, now_ns: format and arrival of the message, kept with the first one. Raises CatalogFull at the bound.
        """
        code = self._code.get((site, sensor_id))
        if code is None:
            return self._register(site, sensor_id, kind, wire=wire, now_ns=now_ns)
        known = self._sensors[code]
        if KINDS.index(kind) < KINDS.index(known.kind) and (site, sensor_id) not in self._declared:
            self._put(replace(known, kind=kind))
        return code

    def metric(self, name: str) -> Metric:
        """The metric of that name; one that nobody described is learned, without unit or range.

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
        """The learned metric of that name, or None when no reading ever had it."""
        return self._learned.get(name)

    def metric_of(self, code: int) -> Metric:
        """The metric of that code. Raises KeyError for a code that was never given."""
        return METRIC_BY_CODE.get(code) or self._learned_by_code[code]

    def knows(self, code: int) -> bool:
        """Whether the metric code has a meaning here."""
        return code in METRIC_BY_CODE or code in self._learned_by_code

    def update(self, sensor: Sensor) -> None:
        """Replace what is known of a sensor that has a code (its place, profile, period, limits, gateway)."""
        self._put(sensor)
        self._hang(sensor)

    def behind(self, code: int, gateway: str) -> None:
        """The sensor was heard through that gateway; what the registry declares stands."""
        known = self._sensors[code]
        declared = self._declared.get((known.site, known.id))
        if gateway in (known.gateway, known.id) or (declared is not None and declared.gateway):
            return
        self.update(replace(known, gateway=gateway))

    def speaker(self, site: str) -> int:
        """The code of the device by which the service speaks of a site. Raises CatalogFull at the bound of all."""
        return self.code(site, SERVICE_DEVICE, "device")

    def drain_met(self) -> dict[str, int]:
        """How many undeclared names each site gave that it did not give before, refused ones too, since the last call.

        Those of sites for which there is no room stand under SERVICE_SITE.
        """
        met, self._met = self._met, {}
        return met

    def drain_changes(self) -> CatalogChanges:
        """What must become durable before or with the next batch; each change is given once."""
        changes = CatalogChanges(tuple(self._changed.values()), tuple(self._changed_metrics))
        self._changed, self._changed_metrics = {}, []
        return changes

    def copy(self) -> Catalog:
        """One of its own with the same content and nothing to be made durable; any thread may ask for it."""
        made = Catalog(sensors_max=self._sensors_max, undeclared_max=self._undeclared_max, sites_max=self._sites_max)
        made._declared, made._undeclared = self._declared, self._undeclared.copy()
        made._strange_sites = self._strange_sites
        made._code = self._code.copy()  # before the sensors: whoever has a code here is among them
        made._learned, made._learned_by_code = self._learned.copy(), self._learned_by_code.copy()
        made._sensors = self._sensors.copy()
        made._altered = list(range(len(made._sensors)))
        made._changed = {}
        return made

    def load(self, sensors: Sequence[Sensor], metrics: Sequence[Metric]) -> None:
        """Take back what the log holds, codes ascending; declarations of the registry win over stored facts."""
        for sensor in sensors:
            declared = self._declared.get((sensor.site, sensor.id))
            if declared is None:
                self._put(sensor, durable=True)
            else:
                heard = replace(declared, code=sensor.code, format=sensor.format, first_ns=sensor.first_ns)
                self._put(replace(heard, gateway=declared.gateway or sensor.gateway))
        for metric in metrics:
            self._keep_metric(metric)
        for sensor in list(self._sensors):
            self._hang(sensor)

    def _register(self, site: str, sensor_id: str, kind: str, *, wire: str = "", now_ns: int = 0) -> int:
        if _counts(site, sensor_id) and (site, sensor_id) not in self._declared:
            self._admit(site)
        if len(self._sensors) >= self._sensors_max:
            raise CatalogFull("sensors", self._sensors_max)
        declared = self._declared.get((site, sensor_id))
        code = len(self._sensors)
        known = Sensor(code, sensor_id, site, kind) if declared is None else declared
        self._put(replace(known, code=code, format=wire, first_ns=now_ns))
        self._hang(self._sensors[code])
        return code

    def _admit(self, site: str) -> None:
        """Whether a site may have one more undeclared name. Raises CatalogFull where it may not."""
        room = site in self._undeclared or self._strange_sites < self._sites_max
        place = site if room else SERVICE_SITE
        self._met[place] = self._met.get(place, 0) + 1
        if not room:
            raise CatalogFull("sensors", self._sites_max, "undeclared sites")
        if self._undeclared.get(site, 0) >= self._undeclared_max:
            raise CatalogFull("sensors", self._undeclared_max, f"undeclared sensors of {site}")

    def _hang(self, sensor: Sensor) -> None:
        """See to it that the sensor's gateway has a code; where there is no room, the sensor goes without."""
        if sensor.gateway and sensor.gateway != sensor.id and (sensor.site, sensor.gateway) not in self._code:
            with suppress(CatalogFull):
                self._register(sensor.site, sensor.gateway, "device")

    def _put(self, sensor: Sensor, *, durable: bool = False) -> None:
        if sensor.code == len(self._sensors):
            self._sensors.append(sensor)
            if _counts(sensor.site, sensor.id) and (sensor.site, sensor.id) not in self._declared:
                self._strange_sites += sensor.site not in self._undeclared
                self._undeclared[sensor.site] = self._undeclared.get(sensor.site, 0) + 1
        else:
            self._sensors[sensor.code] = sensor
        self._code[sensor.site, sensor.id] = sensor.code
        if not durable:
            self._changed[sensor.code] = sensor
        self._altered.append(sensor.code)

    def _keep_metric(self, metric: Metric) -> None:
        self._learned[metric.name] = metric
        self._learned_by_code[metric.code] = metric
        self._altered.append(_NO_SENSOR)


def _counts(site: str, sensor_id: str) -> bool:
    """Whether a name is one that devices give: the service's own are not."""
    return site != SERVICE_SITE and sensor_id != SERVICE_DEVICE
