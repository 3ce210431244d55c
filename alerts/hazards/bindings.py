"""Sensor bindings: sensors bound to places one by one or by a list, or ignored as a neighbour's."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Select, Table, delete, insert, select

from alerts.database import journal
from alerts.database.row_changes import RowChange, added, removed
from alerts.database.schema import assignments, ignored
from alerts.errors import GuardFailed, Invalid, NotFound
from alerts.people.access import Actor, require
from alerts.risk.causes import causes
from alerts.risk.registry import Registry
from detectors import Phase

from .findings import Observation

LINES_MAX = 5_000
"""Lines of a list."""

HEAD = ["sensor", "place"]


class Bindings:
    """Each change is one transaction with its journal entry."""

    def __init__(self, engine: Engine, registry: Registry, clock: Callable[[], int]) -> None:
        self._engine, self._registry, self._clock = engine, registry, clock

    def assign(self, site: str, places: Mapping[str, str], actor: Actor) -> None:
        """Bind sensors to places of the registry, all or none; "" removes a binding.

        A bound sensor is no longer ignored. Raises NotFound, Forbidden, Invalid.
        """
        require(actor, "assign_sensor")
        if not actor.sees(site):
            raise NotFound("site", site)
        wrong = {place for place in places.values() if place and (site, place) not in self._registry.places}
        if wrong:
            names = sorted(map(repr, wrong))
            raise Invalid(
                {"place": f"no place {', '.join(names)} at {site}"}, zh={"place": f"{site} 没有位置 {'、'.join(names)}"}
            )
        with self._engine.begin() as connection:
            for sensor, place in places.items():
                connection.execute(
                    delete(assignments).where(assignments.c.site == site, assignments.c.sensor == sensor)
                )
                if place:
                    connection.execute(insert(assignments).values(site=site, sensor=sensor, place=place))
                    connection.execute(delete(ignored).where(ignored.c.site == site, ignored.c.sensor == sensor))
                self._record(
                    connection, "sensor.assigned", site, sensor, actor, rows=_binding(site, sensor, place), place=place
                )

    def read_list(self, site: str, text: str, known: Callable[[str], bool]) -> dict[str, str]:
        """Return sensor -> place of a CSV with lines `sensor,place` and an optional head.

        known: returns whether the site has a sensor of this id. Raises Invalid with every wrong line.
        """
        places: dict[str, str] = {}
        wrong: dict[str, tuple[str, str]] = {}
        for line, sensor, place in _lines(text, wrong):
            if not known(sensor):
                wrong[f"line {line}"] = f"no sensor {sensor!r} at {site}", f"{site} 没有传感器 {sensor!r}"
            elif (site, place) not in self._registry.places:
                wrong[f"line {line}"] = f"no place {place!r} at {site}", f"{site} 没有位置 {place!r}"
            elif sensor in places:
                wrong[f"line {line}"] = f"sensor {sensor!r} is already in the list", f"传感器 {sensor!r} 前面已出现"
            else:
                places[sensor] = place
        if not places and not wrong:
            wrong["csv"] = "no line names a sensor and a place", "没有一行写明传感器和位置"
        if wrong:
            raise Invalid({at: en for at, (en, _) in wrong.items()}, zh={at: zh for at, (_, zh) in wrong.items()})
        return places

    def ignore(self, site: str, sensor: str, actor: Actor, *, bound: bool, reason: str) -> None:
        """Ignore a sensor as a neighbour's; the reason "" undoes that. bound: whether it has a place.

        Raises NotFound, Forbidden, and GuardFailed for a sensor that has a place.
        """
        require(actor, "ignore_sensor")
        if not actor.sees(site):
            raise NotFound("site", site)
        if reason and bound:
            raise GuardFailed(
                "bound",
                "传感器已有位置，先取消位置再忽略",
                "the sensor has a place; remove the place before you ignore it",
            )
        with self._engine.begin() as connection:
            connection.execute(delete(ignored).where(ignored.c.site == site, ignored.c.sensor == sensor))
            if reason:
                connection.execute(insert(ignored).values(site=site, sensor=sensor, reason=reason))
            kind = "sensor.ignored" if reason else "sensor.noticed"
            key = {"site": site, "sensor": sensor}
            change = added(ignored, key | {"reason": reason}) if reason else removed(ignored, key)
            self._record(connection, kind, site, sensor, actor, rows=[change], reason=reason)

    def _record(
        self,
        connection: Connection,
        kind: str,
        site: str,
        sensor: str,
        actor: Actor,
        *,
        rows: Sequence[RowChange],
        **facts: str,
    ) -> None:
        journal.append(
            connection,
            at_ns=self._clock(),
            actor=actor.username,
            kind=kind,
            site=site,
            subject=sensor,
            facts=facts,
            rows=rows,
        )


def _binding(site: str, sensor: str, place: str) -> list[RowChange]:
    """Return the changes of a binding; a bound sensor is no longer ignored."""
    key = {"site": site, "sensor": sensor}
    if not place:
        return [removed(assignments, key)]
    return [added(assignments, key | {"place": place}), removed(ignored, key)]


def assigned(connection: Connection, sites: Collection[str] | None = None) -> dict[tuple[str, str], str]:
    """Return (site, sensor) -> place of the bound sensors. sites: only these."""
    return {(row.site, row.sensor): row.place for row in connection.execute(_of_sites(assignments, sites))}


def ignored_sensors(connection: Connection, sites: Collection[str] | None = None) -> dict[tuple[str, str], str]:
    """Return (site, sensor) -> reason of the ignored sensors. sites: only these."""
    return {(row.site, row.sensor): row.reason for row in connection.execute(_of_sites(ignored, sites))}


def _of_sites(table: Table, sites: Collection[str] | None) -> Select[Any]:
    return select(table) if sites is None else select(table).where(table.c.site.in_(sorted(sites)))


def _lines(text: str, wrong: dict[str, tuple[str, str]]) -> Iterator[tuple[int, str, str]]:
    """Yield (number, sensor, place) of complete lines; add the others to `wrong`."""
    rows = csv.reader(text.removeprefix("\ufeff").splitlines())
    for line, row in enumerate(rows, 1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (line == 1 and [cell.lower() for cell in cells] == HEAD):
            continue
        if line > LINES_MAX:
            wrong["csv"] = f"more than {LINES_MAX} lines", f"超过 {LINES_MAX} 行"
            return
        if len(cells) != len(HEAD) or not all(cells):
            wrong[f"line {line}"] = "expected two fields: sensor,place", "应为两列：sensor,place"
        else:
            yield line, cells[0], cells[1]


def passed_over(observation: Observation, foreign: Mapping[tuple[str, str], str]) -> bool:
    """Return whether the sensor is ignored. Life safety is never ignored, and an open finding may always clear."""
    seen = observation.finding
    theirs = (seen.site, seen.sensor) in foreign and not causes()[seen.kind].life_safety
    return theirs and observation.phase is not Phase.CLEAR
