"""Protocol of the telemetry side of the service, as the HTTP interface uses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from detectors import Recipe
from ingest import Catalog, Store, Unread

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from alerts import Notice, ServiceFault


@dataclass(frozen=True, slots=True)
class Last:
    """The latest reading of one metric of a sensor."""

    metric: int
    time_ns: int
    value: float
    quality: int


@dataclass(frozen=True, slots=True)
class Condition:
    """Own faults that last, and alarms sent in degraded mode. version: grows with each change."""

    version: int = 0
    faults: Sequence[ServiceFault] = ()
    unstored: Sequence[Notice] = ()


@dataclass(frozen=True, slots=True)
class Qualified:
    """Qualification of one rule. established: it pages without a score sheet; reason: of the stage, in English.

    sheet: figures of its score sheet with the fields of `schemas.detectors.Figure`; lead: median and p10 in s, count.
    """

    stage: Literal["shadow", "probation", "paging"]
    sheet: Sequence[Mapping[str, Any]] = ()
    lead: tuple[float, float, int] | None = None
    established: bool = False
    reason: str = ""


UNQUALIFIED = Qualified("shadow", reason="not qualified")


class Telemetry(Protocol):
    """The running service, for reading."""

    @property
    def catalog(self) -> Catalog:
        """All sensors, of the registry and of received messages."""
        ...

    @property
    def store(self) -> Store:
        """The time-series store."""
        ...

    @property
    def registry(self) -> CollectorRegistry:
        """The metrics of the process."""
        ...

    @property
    def recipe(self) -> Recipe:
        """The running recipe."""
        ...

    def qualified(self) -> Mapping[str, Qualified]:
        """Return the qualification of rules by name."""
        ...

    def latest(self, sensor: int) -> list[Last]:
        """Return the latest reading of each metric of the sensor with that code."""
        ...

    def accounting(self) -> dict[str, Any]:
        """Return the reading accounts, in the form of `schemas.accounting.Accounting`."""
        ...

    def accounting_of(self, site: str, *, trouble: bool, limit: int, after: tuple[int, int] | None) -> dict[str, Any]:
        """Return the reading accounts of a site's devices: site, total, remainder, items.

        Each item has a unique `key`: (negative amount of trouble, code), ascending. after: only items behind this key.
        """
        ...

    def unread(self, codes: Sequence[int]) -> Mapping[int, Unread]:
        """Return the unread keys of these sensors by catalogue code; sensors without any are left out."""
        ...

    def quarantine(
        self, limit: int, before: int | None, *, sites: Sequence[str] | None = None, reason: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the newest quarantined messages. before: only ids below; sites: only of these sites, None: all."""
        ...

    def replay(self, *, site: str | None, reason: str | None) -> int:
        """Request the reprocessing of quarantined messages; returns their number."""
        ...

    def clocks(self) -> list[dict[str, Any]]:
        """Return sensors with a clock error: code, offset_ns, bound_ns, drift_ppm, since_ns."""
        ...

    def health(self) -> Mapping[str, bool]:
        """Return whether each part works now."""
        ...

    def condition(self) -> Condition:
        """Return the present condition of the service."""
        ...
