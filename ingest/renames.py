"""Renaming and removal of sensors in the catalogue: place, probes and history follow the new id."""

from __future__ import annotations

from dataclasses import replace

from .catalog import Catalog
from .sensor import Sensor

FORMER_MAX = 16
"""Former ids of a sensor that the catalogue keeps."""


def rename(catalog: Catalog, site: str, old: str, new: str) -> bool:
    """Give a sensor its new id, with its probes and channels `old/...`; return whether it was known under the old one.

    An entry that messages under the new id created before the renaming is retired: the device is the same.
    """
    known = catalog.find(site, old)
    if known is None or old == new or not new:
        return False
    if not catalog.has_code(known):  # declared without a message
        known = catalog[catalog.code(site, old, known.kind)]
    parts = probes(catalog, known)
    _move(catalog, known, new)
    for part in parts:
        _move(catalog, replace(part, gateway=new), new + part.id.removeprefix(old))
    for sensor in catalog:
        if sensor.site == site and sensor.gateway == old:
            catalog.update(replace(sensor, gateway=new))
    return True


def probes(catalog: Catalog, device: Sensor) -> list[Sensor]:
    """Return the probes and channels of a device: sensors behind it whose ids begin with its own."""
    prefix = f"{device.id}/"
    return [
        sensor
        for sensor in catalog
        if sensor.site == device.site and sensor.gateway == device.id and sensor.id.startswith(prefix)
    ]


def _move(catalog: Catalog, sensor: Sensor, new: str) -> None:
    taken = catalog.find(sensor.site, new)
    if taken is not None and catalog.has_code(taken):
        retired = replace(taken, place="", declared=False, removed=True)
        catalog.update(_renamed(catalog, retired, f"{new}#{taken.code}"))
    if taken is not None and taken.declared:  # the registry has the new id already
        facts = replace(taken, code=sensor.code, format=sensor.format, first_ns=sensor.first_ns)
        sensor = replace(facts, id=sensor.id, gateway=taken.gateway or sensor.gateway, former=sensor.former)
    catalog.update(_renamed(catalog, replace(sensor, removed=False), new))


def _renamed(catalog: Catalog, sensor: Sensor, new: str) -> Sensor:
    return replace(sensor, id=new, former=(*sensor.former, (sensor.id, catalog.renamed + 1))[-FORMER_MAX:])
