"""Counts messages that claim another site or device; reports start and end once."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.catalog import SERVICE_DEVICE, Catalog
from ingest.errors import CatalogFull

from .floods import REPEAT_NS, SelfReading

REASONS = frozenset(("site_unknown", "identity"))
"""Reject reasons of such messages."""


class ForeignMessages:
    """Rejected messages of each site since the last call, reported at the site's service device.

    A reading has the count, at most once a minute; 0 follows after a minute without such a message. The first call
    after a start reports the end of what an earlier process reported.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._counts: dict[str, int] = {}
        self._seen_ns: dict[str, int] = {}
        self._reported_ns: dict[str, int] = {}
        self._started = False

    def note(self, site: str, reason: str, *, again: bool) -> None:
        """Count a rejected message of the site, if the reason is one of REASONS. again: it is reprocessed."""
        if reason not in REASONS or again:
            return
        self._counts[site] = self._counts.get(site, 0) + 1

    def due(self, now_ns: int) -> Iterator[SelfReading]:
        """Yield the sites with such messages that started, continue or ended since the last call."""
        if not self._started:
            self._started = True
            yield from (SelfReading(each.code, 0.0) for each in self._catalog if each.id == SERVICE_DEVICE)
        self._seen_ns |= dict.fromkeys(self._counts, now_ns)
        for site, seen_ns in list(self._seen_ns.items()):
            try:
                device = self._catalog.service_device(site)
            except CatalogFull:  # without a code for the service's device, nothing is reported
                del self._seen_ns[site]
                self._counts.pop(site, None)
                continue
            waiting = 0 <= now_ns - self._reported_ns.get(site, 0) < REPEAT_NS
            if site in self._counts and not waiting:
                self._reported_ns[site], rows = now_ns, self._counts.pop(site)
                yield SelfReading(device, float(rows), rows)
            elif site not in self._counts and not 0 <= now_ns - seen_ns < REPEAT_NS:
                del self._seen_ns[site]
                self._reported_ns.pop(site, None)
                yield SelfReading(device, 0.0)
