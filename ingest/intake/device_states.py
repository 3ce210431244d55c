"""Device states: online, offline, asleep, renamed, removed; relation of probes, devices and gateways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ingest.catalog import Catalog
from ingest.decode.contract import Availability, Decoded, Reading
from ingest.renames import probes, rename

Write = Callable[[Reading], None]
"""Writes a reading of the service about a device into the open batch."""


class DeviceStates:
    """Applies the states that decoded messages announce to the catalogue. Owned by the slow path, in its thread."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._online: dict[int, bool] = {}

    def rename(self, site: str, renamed: Sequence[tuple[str, str]]) -> bool:
        """Give sensors their new ids, before the readings of the message; return whether one was known."""
        known = [rename(self._catalog, site, old, new) for old, new in renamed]
        return any(known)

    def apply(self, decoded: Decoded, site: str, write: Write, *, live: bool = True) -> bool:
        """Apply availability, gateways and removals after the readings; return whether a state changed.

        live: no retained copy, which proves no working device.
        """
        sent = decoded.readings if live else ()
        for name in {name for reading in sent for name in (reading.sensor, reading.device)}:
            known = self._catalog.find(site, name)
            if known is not None and self._online.get(known.code) is False:
                del self._online[known.code]  # it sends again: its next loss is a change
            if known is not None and known.asleep:  # a message of its probe: it is awake
                self._catalog.update(replace(known, asleep=False))
        changed = [self._announce(one, site, write) for one in decoded.availability]
        self._relate(decoded, site)
        changed += [self._remove(name, site, write) for name in decoded.removed]
        return any(changed)

    def _announce(self, announced: Availability, site: str, write: Write) -> bool:
        """Write a change of availability; a repetition, and the loss of a sleeping device, are ignored."""
        known, online = self._catalog.find(site, announced.sensor), announced.online and not announced.asleep
        if known is not None and known.asleep and not online:
            return False
        if known is not None and self._online.get(known.code) == online and not announced.asleep:
            return False
        dims = {"asleep": True} if announced.asleep else {}
        write(Reading(announced.sensor, "device", "online", float(online), "bool", dims=dims))
        known = self._catalog.find(site, announced.sensor)
        if known is not None:
            self._online[known.code] = online
            if announced.asleep:
                self._catalog.update(replace(known, asleep=True))
        return True

    def _relate(self, decoded: Decoded, site: str) -> None:
        """Record the device of each probe, and the gateway of each device."""
        relays = {reading.sensor: reading.device for reading in decoded.readings if reading.device}
        if decoded.gateway:
            names = [relays.get(reading.sensor, reading.sensor) for reading in decoded.readings]
            names += [change.sensor for change in decoded.availability]
            relays |= dict.fromkeys(names, decoded.gateway)
        for name, relay in relays.items():
            known = self._catalog.find(site, name)
            if known is not None and self._catalog.has_code(known) and known.gateway != relay:
                self._catalog.behind(known.code, relay)

    def _remove(self, name: str, site: str, write: Write) -> bool:
        """Record the removal of a device with its probes; its own next message ends it."""
        known = self._catalog.find(site, name)
        if known is None or not self._catalog.has_code(known) or known.removed:
            return False
        for sensor in (known, *probes(self._catalog, known)):
            write(Reading(sensor.id, sensor.kind, "online", 0.0, "bool", dims={"removed": True}))
            self._catalog.update(replace(self._catalog[sensor.code], removed=True))
            self._online[sensor.code] = False
        return True
