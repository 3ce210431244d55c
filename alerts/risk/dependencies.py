"""Declared dependencies of devices: power and network behind which a device sends no messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

HOPS_MAX = 8
"""Longest chain of dependencies, such as sensor, gateway, switch, power supply."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """One row of the campus file: while the sensor `on` is lost, the device `id` of the same site sends nothing."""

    site: str
    id: str
    on: str


def depended_on(dependencies: Mapping[tuple[str, str], str], site: str, sensor: str) -> Iterator[str]:
    """Yield the devices on which a sensor depends, the nearest first.

    >>> [*depended_on({("s", "head"): "gateway", ("s", "gateway"): "switch"}, "s", "head")]
    ['gateway', 'switch']
    """
    for _ in range(HOPS_MAX):
        above = dependencies.get((site, sensor))
        if above is None:
            return
        yield above
        sensor = above


def faults(rows: Iterable[Dependency], sites: Iterable[str]) -> Iterator[str]:
    """Yield errors of rows with an unknown site, and of chains that are circular or too long."""
    found, known = {(row.site, row.id): row.on for row in rows}, set(sites)
    for site, sensor in found:
        if site not in known:
            yield f"dependency {sensor}.site = {site!r}: allowed is the id of a [[site]]"
        chain = [*depended_on(found, site, sensor)]
        if sensor in chain or len(chain) >= HOPS_MAX:
            yield f"dependency {sensor}.on = {chain[0]!r}: allowed is a chain below {HOPS_MAX} devices, not circular"
