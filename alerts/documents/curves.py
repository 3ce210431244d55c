"""Curves of readings as CSV and SVG, without a plotting library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from alerts.timestamps import format_time
from ingest import METRIC_BY_NAME, Catalog, Store

POINTS_MAX = 2_000
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 900, 320, 70, 40, 40
TICKS = 4
SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Point:
    """Readings of one step of a curve."""

    start_ns: int
    mean: float
    low: float
    high: float
    count: int


class Curves(Protocol):
    """Reads curves of a time-series store; blocks for a query."""

    def read(self, site: str, sensor: str, metric: str, *, from_ns: int, to_ns: int) -> Sequence[Point]:
        """Return the readings of a span in at most POINTS_MAX steps, none for an unknown series."""
        ...

    def unit(self, metric: str) -> str:
        """Return the unit of a metric, "" without one."""
        ...


class StoredCurves:
    """Curves of a store."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store, self._catalog = store, catalog

    def read(self, site: str, sensor: str, metric: str, *, from_ns: int, to_ns: int) -> Sequence[Point]:
        """Return the readings of a span in at most POINTS_MAX steps, none for an unknown series."""
        found, known = self._catalog.find(site, sensor), METRIC_BY_NAME.get(metric) or self._catalog.learned(metric)
        if found is None or known is None or to_ns <= from_ns:
            return []
        step_ns = max(SECOND_NS, -(-(to_ns - from_ns) // (POINTS_MAX - 1)))
        rows = self._store.downsample(found.code, known.code, from_ns=from_ns, to_ns=to_ns, step_ns=step_ns)
        columns = (rows.start_ns, rows.mean, rows.low, rows.high, rows.count)
        return [Point(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]

    def unit(self, metric: str) -> str:
        """Return the unit of a metric, "" without one."""
        known = METRIC_BY_NAME.get(metric) or self._catalog.learned(metric)
        return "" if known is None else known.unit


def as_csv(points: Sequence[Point]) -> bytes:
    """Return the curve as CSV."""
    rows = [f"{format_time(one.start_ns)},{one.mean},{one.low},{one.high},{one.count}" for one in points]
    return ("\n".join(["time,mean,low,high,count", *rows]) + "\n").encode()


def as_svg(points: Sequence[Point], *, title: str, unit: str, zone: ZoneInfo) -> bytes:
    """Return the curve of the means with the band of low and high as SVG. points: one or more."""
    low, high = min(one.low for one in points), max(one.high for one in points)
    span = (high - low) or 1.0
    begin_ns, end_ns = points[0].start_ns, points[-1].start_ns
    length_ns = max(1, end_ns - begin_ns)

    def x(time_ns: int) -> float:
        return LEFT + (WIDTH - LEFT - 10) * (time_ns - begin_ns) / length_ns

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / span

    def path(values: Sequence[tuple[int, float]]) -> str:
        return " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in values)

    upper, lower = [(one.start_ns, one.high) for one in points], [(one.start_ns, one.low) for one in reversed(points)]
    mean = [(one.start_ns, one.mean) for one in points]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>',
        f'<polygon points="{path([*upper, *lower])}" fill="#9db9d6" stroke="none"/>',
        f'<polyline points="{path(mean)}" fill="none" stroke="#174a7c" stroke-width="1.5"/>',
    ]
    for number in range(TICKS + 1):
        value, at_ns = low + span * number / TICKS, begin_ns + length_ns * number // TICKS
        level, left = y(value), x(at_ns)
        words = datetime.fromtimestamp(at_ns // SECOND_NS, zone).strftime("%m-%d %H:%M")
        label = f"{value:.4g} {escape(unit)}"
        lines += [
            f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{level:.1f}" y2="{level:.1f}" stroke="#ccc"/>',
            f'<text x="{LEFT - 6}" y="{level + 4:.1f}" font-size="11" text-anchor="end">{label}</text>',
            f'<text x="{left:.1f}" y="{HEIGHT - 14}" font-size="11" text-anchor="middle">{words}</text>',
        ]
    return "\n".join([*lines, "</svg>"]).encode()
