"""Writer of a world into a CSV file: one measurement a line, in order of arrival."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from simulators.campus.fleet import Samples
from simulators.play.player import CHUNK_S, chunks
from simulators.play.stream import Stream
from simulators.play.world import World
from simulators.truth.truth import rfc3339

HEAD = ("sensor", "kind", "metric", "time", "value", "place", "site", "quality")
PRESENCE: Mapping[str, float] = {"start": 1.0, "update": 1.0, "end": 0.0}

Line = tuple[int, str, int, int, tuple[str, ...]]
"""(sent_ms, site, device, time_ms, fields)."""


def write_csv(world: World, path: Path, *, progress: Callable[[int, float], None] | None = None) -> int:
    """Write the whole world as `sensor,kind,metric,time,value,place,site,quality`; return the number of rows."""
    rows, stream = 0, Stream(world)
    begin, end = world.span_ms
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEAD)
        for _, upto_ms in chunks(world.span_ms, CHUNK_S * 10):
            rows += _write(writer.writerows, stream, upto_ms)
            if progress:
                progress(rows, (upto_ms - begin) / (end - begin))
        while stream.pending:
            rows += _write(writer.writerows, stream, stream.end_ms)
    return rows


def _write(write: Callable[[Iterator[tuple[str, ...]]], object], stream: Stream, upto_ms: int) -> int:
    table = sorted(line for part in stream.advance(upto_ms) for line in _lines(stream.world, part))
    write(line[-1] for line in table)
    return len(table)


def _lines(world: World, part: Samples) -> Iterator[Line]:
    """Yield every measurement of the part; a retained copy of an old message has none."""
    if part.retain is not None:
        part = part.keep(~part.retain)
    devices = [world.fleet.devices[index] for index in part.device.tolist()]
    heads = [(sent_ms, device.site) for sent_ms, device in zip(part.due_ms.tolist(), devices, strict=True)]
    quality = _qualities(part)
    times = [rfc3339(time_ms) for time_ms in part.time_ms.tolist()]
    times_ms = part.time_ms.tolist()
    for metric, values in _columns(part):
        for row, value in enumerate(values):
            if value == value:  # noqa: PLR0124 - NaN is no measurement
                d = devices[row]
                fields = (d.id, d.kind, metric, times[row], repr(value), d.place, d.site, quality[row])
                yield (*heads[row], int(part.device[row]), times_ms[row], fields)


def _columns(part: Samples) -> Iterator[tuple[str, list[float]]]:
    for column, metric in enumerate(part.metrics):
        if metric != "test":
            yield metric, part.values[:, column].tolist()
    if part.labels and any("state" in label for label in part.labels):
        seen = [label.get("count") is None for label in part.labels]
        present = [PRESENCE.get(label.get("state", ""), math.nan) for label in part.labels]
        yield "object_present", [value if alone else math.nan for value, alone in zip(present, seen, strict=True)]
        yield "object_count", [float(label.get("count") or math.nan) for label in part.labels]


def _qualities(part: Samples) -> list[str]:
    if "test" not in part.metrics:
        return ["good"] * len(part)
    return ["test" if test == 1 else "good" for test in part.values[:, part.metrics.index("test")].tolist()]
