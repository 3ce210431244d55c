"""Input and result of scoring: alarms, truth windows, forecasts, and the report of their metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

PAGE_LEVEL = 2
Signal = dict[tuple[str, str], list[tuple[float, float]]]
"""(sensor, metric) -> (s since 1970 UTC, value), in order of time."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One detection; at_s: decision time (s since 1970 UTC); level: 0 to 3; a drill pages nobody.

    page: whether it pages by its rule, None if unknown.
    """

    sensor: str
    hazard: str
    at_s: float
    level: int = 3
    drill: bool = False
    metric: str = ""
    page: bool | None = None

    def pages(self, page_level: int) -> bool:
        """Return whether it pages: by its rule, else from `page_level` on."""
        return not self.drill and (self.level >= page_level if self.page is None else self.page)


@dataclass(frozen=True, slots=True)
class Window:
    """One labelled interval (s since 1970 UTC). An alarm of any of `sensors` counts; empty: of any sensor."""

    sensors: tuple[str, ...]
    hazard: str
    start_s: float
    end_s: float
    harm_s: float | None = None
    nuisance: bool = False
    must_page: bool = False


@dataclass(frozen=True, slots=True)
class TruthFile:
    """Truth windows, the observed sensor time in seconds, and the observed span (s since 1970 UTC); None: unknown."""

    windows: tuple[Window, ...]
    observed_s: float | None
    span_s: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """Forecast interval of a value at one time (s since 1970 UTC); share: stated coverage, 0 to 1."""

    sensor: str
    metric: str
    at_s: float
    low: float
    high: float
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Metrics of a score; None where there is nothing to measure."""

    windows: int
    found: int
    recall: float | None
    alarms: int
    false_alarms: int
    precision: float | None
    false_alarms_per_sensor_week: float | None
    delay_mean_s: float | None
    delay_median_s: float | None
    delay_p95_s: float | None
    lead_p10_s: float | None
    lead_p50_s: float | None
    must_page: int
    must_page_paged: int
    must_not_page: int
    must_not_page_paged: int
    load_mean_per_10min: float | None
    load_max_per_10min: int | None
    load_flood_share: float | None
    forecasts: int
    interval_coverage: float | None
    interval_stated: float | None
    interval_width: float | None
    by_hazard: Mapping[str, Mapping[str, float | None]]

    def to_json(self) -> dict[str, Any]:
        """Return the metrics by name."""
        return asdict(self)

    def table(self) -> str:
        """Return the metrics as lines of text."""
        plain = {name: value for name, value in asdict(self).items() if name != "by_hazard"}
        lines = [f"{name:<30}{_shown(value):>12}" for name, value in plain.items()]
        for hazard, figures in self.by_hazard.items():
            lines.append(f"  {hazard:<28}" + "  ".join(f"{name} {_shown(value)}" for name, value in figures.items()))
        return "\n".join(lines)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
