"""Line protocol of readings: one line each, at a tenth of the cost of the client library's points.

Source: InfluxDB line protocol reference, "Special characters". In tag values a backslash escapes comma, equals sign and
space. Elsewhere a backslash is literal, except at the end, where it would escape the next character.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingest.catalog import Catalog
from ingest.telemetry import TelemetryBatch

MEASUREMENT = "readings"
PREFIXES_MAX = 1_000_000
END_BACKSLASH = "\N{REVERSE SOLIDUS OPERATOR}"
"""Replacement for a backslash at the end of a name, which line protocol cannot represent."""

Key = tuple[int, int, int]
"""Sensor, metric, time in ns."""

_ESCAPED = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})


class Lines:
    """Formatter of lines `readings,metric=co2,s=17,m=62,sensor=...,site=... v=...,q=...,c=... time`.

    The codes s and m serve the store's queries; the names serve people and dashboards. Only constant properties of a
    sensor become tags: all tags identify a series, and a repeated write must produce the same points.
    """

    def __init__(self, catalog: Catalog | None = None) -> None:
        """catalog: names for the tags; without it the lines have no names."""
        self._catalog = catalog
        self._prefixes: dict[tuple[int, int], str] = {}

    def of(self, batch: TelemetryBatch, cursor: int, seen: dict[Key, int]) -> Iterator[str]:
        """Yield a line for every row; repeats of a series and time carry k = 1, 2, ... seen: repeats so far."""
        prefixes = self._prefixes
        columns = (batch.sensor, batch.metric, batch.time_ns, batch.value, batch.quality)
        for sensor, metric, time_ns, value, quality in zip(*(column.tolist() for column in columns), strict=True):
            again = seen.get((sensor, metric, time_ns), 0)
            seen[sensor, metric, time_ns] = again + 1
            prefix = prefixes.get((sensor, metric)) or self._prefix(sensor, metric)
            repeat = f",k={again}" if again else ""
            yield f"{prefix}{repeat} v={value!r},q={quality}i,c={cursor}i {time_ns}"

    def _prefix(self, sensor: int, metric: int) -> str:
        """Return measurement and tags of a series."""
        if len(self._prefixes) >= PREFIXES_MAX:
            self._prefixes.clear()
        tags = {"m": str(metric), "s": str(sensor)}
        if self._catalog is not None:
            known = self._catalog[sensor]
            tags |= {"metric": self._catalog.metric_of(metric).name, "sensor": known.id, "site": known.site}
        tags_text = "".join(f",{name}={tag_value(text)}" for name, text in tags.items() if text)
        self._prefixes[sensor, metric] = f"{MEASUREMENT}{tags_text}"
        return self._prefixes[sensor, metric]


def tag_value(text: str) -> str:
    """Return a name as a tag value. Line ends, which validated names never contain, become spaces."""
    plain = " ".join(text.splitlines()) if not text.isprintable() else text
    body = plain.rstrip("\\")
    return (body + END_BACKSLASH * (len(plain) - len(body))).translate(_ESCAPED)
