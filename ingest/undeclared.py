"""Bounds on the sensors that the registry does not declare, and counts of new names by site."""

from __future__ import annotations

from collections.abc import Iterable

from .errors import CatalogFull


class UndeclaredNames:
    """Number of undeclared sensors by site. Names of sites beyond the bound are counted under `elsewhere`."""

    def __init__(self, sites: Iterable[str], *, names_max: int, sites_max: int, elsewhere: str) -> None:
        """sites: those with a declared sensor; sites_max: bound on the others."""
        self._count: dict[str, int] = dict.fromkeys(sites, 0)
        self._names_max, self._sites_max, self._elsewhere = names_max, sites_max, elsewhere
        self._sites = 0
        self._new: dict[str, int] = {}

    def admit(self, site: str) -> None:
        """Count a new name of a site. Raises CatalogFull at a bound."""
        known = site in self._count or self._sites < self._sites_max
        counted = site if known else self._elsewhere
        self._new[counted] = self._new.get(counted, 0) + 1
        if not known:
            raise CatalogFull("sensors", self._sites_max, "undeclared sites")
        if self._count.get(site, 0) >= self._names_max:
            raise CatalogFull("sensors", self._names_max, f"undeclared sensors of {site}")

    def add(self, site: str) -> None:
        """Count a sensor that got a code."""
        self._sites += site not in self._count
        self._count[site] = self._count.get(site, 0) + 1

    def drain(self) -> dict[str, int]:
        """Return the number of new names by site since the last call, rejected ones included."""
        names, self._new = self._new, {}
        return names

    def copy(self) -> UndeclaredNames:
        """Return an independent copy without new names."""
        made = UndeclaredNames((), names_max=self._names_max, sites_max=self._sites_max, elsewhere=self._elsewhere)
        made._count, made._sites = self._count.copy(), self._sites
        return made
