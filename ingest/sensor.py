"""Entries of the catalogue: sensors, their renamings, changes to store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from .vocabulary import Metric


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor of the catalogue.

    id: identity on the wire, unique in its site; place: id of its place, "" while unassigned; profile: behaviour of its
    surroundings ("kitchen", "waterside", ...; "" for the default); period_s: longest time between two messages, 0 when
    unknown; limits: metric -> alarm limits of this sensor; gateway: id of the device of the same site that relays its
    messages, "" when unknown; format, first_ns: of its first message, "" and 0 before; declared: the registry describes
    it, under its id or a former one; former: earlier ids, the oldest first, each with the number of the renaming that
    ended it; removed: its bridge or network removed it, and no message followed; asleep: it announced its sleep, and
    no message followed; height_m: height of a distance sensor above the zero of its level, 0 when unknown;
    area_m2: floor whose persons it counts, 0 when unknown.
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
    declared: bool = False
    former: tuple[tuple[str, int], ...] = ()
    removed: bool = False
    asleep: bool = False
    height_m: float = 0.0
    area_m2: float = 0.0

    @property
    def assigned(self) -> bool:
        """True once the sensor is bound to a place."""
        return bool(self.place)

    def undeclared(self) -> Sensor:
        """Return the sensor without the facts of the registry."""
        bare = replace(self, place="", profile="", period_s=0.0, limits={}, declared=False)
        return replace(bare, height_m=0.0, area_m2=0.0)


class Renaming(NamedTuple):
    """One change of a sensor's id; number: counts the renamings of the installation."""

    number: int
    site: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class CatalogChanges:
    """Durable fact: sensors and metrics that are new or changed since the last call."""

    sensors: tuple[Sensor, ...] = ()
    metrics: tuple[Metric, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.sensors or self.metrics)
