"""What the HTTP interface needs to know of the rest of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ingest import Catalog, Store

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from alerts import Notice, ServiceFault


@dataclass(frozen=True, slots=True)
class Last:
    """The newest reading of one metric of a sensor."""

    metric: int
    time_ns: int
    value: float
    quality: int


@dataclass(frozen=True, slots=True)
class Condition:
    """Own faults that last, and alarms that were sent from memory. version: grows when something of it changes."""

    version: int = 0
    faults: Sequence[ServiceFault] = ()
    unstored: Sequence[Notice] = ()


class Telemetry(Protocol):
    """The running service, as far as people may look into it."""

    @property
    def catalog(self) -> Catalog:
        """Every sensor that was ever heard."""
        ...

    @property
    def store(self) -> Store:
        """The readings."""
        ...

    @property
    def registry(self) -> CollectorRegistry:
        """The metrics of the process."""
        ...

    def latest(self, sensor: int) -> list[Last]:
        """The newest reading of each metric of the sensor with that code."""
        ...

    def accounting(self) -> dict[str, Any]:
        """Accounts of all readings; see `/api/v1/accounting`."""
        ...

    def accounting_of(self, site: str, *, trouble: bool, limit: int, offset: int) -> dict[str, Any]:
        """Accounts of a site's devices: site, total, remainder, items."""
        ...

    def quarantine(
        self, limit: int, before: int | None, *, site: str | None = None, reason: str | None = None
    ) -> list[dict[str, Any]]:
        """The newest refused messages, of one site or reason if given."""
        ...

    def replay(self, *, site: str | None, reason: str | None) -> int:
        """Have refused messages taken in again; how many there are."""
        ...

    def clocks(self) -> list[dict[str, Any]]:
        """Sensors whose clocks are off: code, offset_ns, bound_ns, drift_ppm, since_ns."""
        ...

    def health(self) -> Mapping[str, bool]:
        """Each part and whether it works now."""
        ...

    def condition(self) -> Condition:
        """What the service has to say of itself now."""
        ...
