"""Line protocol of readings: a line each, joined by hand, a tenth of the cost of the client library's points.

Source: InfluxDB line protocol reference, "Special characters": in tag values comma, equals sign and space take a
backslash before them; a backslash stands for itself, but not at the end, where it would escape what follows.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingest.catalog import Catalog
from ingest.telemetry import TelemetryBatch

MEASUREMENT = "readings"
PREFIXES_MAX = 1_000_000
END_BACKSLASH = "\N{REVERSE SOLIDUS OPERATOR}"
"""Stands in for a backslash at the end of a name, which line protocol cannot say."""

Key = tuple[int, int, int]
"""Sensor, metric, time in ns."""

_ESCAPED = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})


class Lines:
    """Makes lines `readings,metric=co2,s=17,m=62,sensor=...,site=... v=...,q=...,c=... time`.

    s and m are codes, by which the store asks; the names beside them are for people and dashboards. Only what never
    changes of a sensor is told: a series is all its tags, and a write that is repeated must make the same points.
    """

    def __init__(self, catalog: Catalog | None = None) -> None:
        """catalog: knows the names; without it there are none."""
        self._catalog = catalog
        self._prefixes: dict[tuple[int, int], str] = {}

    def of(self, batch: TelemetryBatch, cursor: int, seen: dict[Key, int]) -> Iterator[str]:
        """A line for every row; repeats of a series and moment carry k = 1, 2, ...; seen: how many there are."""
        prefixes = self._prefixes
        columns = (batch.sensor, batch.metric, batch.time_ns, batch.value, batch.quality)
        for sensor, metric, time_ns, value, quality in zip(*(column.tolist() for column in columns), strict=True):
            again = seen.get((sensor, metric, time_ns), 0)
            seen[sensor, metric, time_ns] = again + 1
            prefix = prefixes.get((sensor, metric)) or self._prefix(sensor, metric)
            repeat = f",k={again}" if again else ""
            yield f"{prefix}{repeat} v={value!r},q={quality}i,c={cursor}i {time_ns}"

    def _prefix(self, sensor: int, metric: int) -> str:
        """Measurement and tags of a series."""
        if len(self._prefixes) >= PREFIXES_MAX:
            self._prefixes.clear()
        tags = {"m": str(metric), "s": str(sensor)}
        if self._catalog is not None:
            known = self._catalog[sensor]
            tags |= {"metric": self._catalog.metric_of(metric).name, "sensor": known.id, "site": known.site}
        told = "".join(f",{name}={tag_value(text)}" for name, text in tags.items() if text)
        self._prefixes[sensor, metric] = f"{MEASUREMENT}{told}"
        return self._prefixes[sensor, metric]


def tag_value(text: str) -> str:
    """A name as the value of a tag; line ends, which no name has that came through the door, become spaces."""
    plain = " ".join(text.splitlines()) if not text.isprintable() else text
    body = plain.rstrip("\\")
    return (body + END_BACKSLASH * (len(plain) - len(body))).translate(_ESCAPED)
