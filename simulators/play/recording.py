"""Recordings: `sensor,kind,metric,time,value` files, validated and played as native messages.

Times are shifted so that the recording ends at the wall-clock end of playing: event(t) = now + D/X - (t_end - t). No
time is in the future, and the spacing is the recording's.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TextIO

from simulators.encode.native import BOOLS, COUNTS
from simulators.errors import RecordingInvalid
from simulators.play.player import Sink
from simulators.truth.truth import rfc3339

KINDS = ("smoke", "gate", "water", "camera", "env", "device")
NEEDED = ("sensor", "kind", "metric", "time", "value")
ROWS_MAX = 20_000_000
BURST_MS = 20.0
"""Messages due within this time are sent together."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement of a recording; time_ms since 1970 UTC; value None: no measurement."""

    time_ms: int
    site: str
    kind: str
    sensor: str
    metric: str
    value: float | None


@dataclass(frozen=True, slots=True)
class Recording:
    """Rows by time."""

    source: str
    rows: tuple[Row, ...]

    @property
    def span_ms(self) -> tuple[int, int]:
        """Return the first and last event time."""
        return self.rows[0].time_ms, self.rows[-1].time_ms


def read_recording(path: Path, *, site: str = "") -> Recording:
    """Read a recording from a CSV file, plain or gzip.

    site: replaces the rows' site (rows without one: "recording"). A time without offset is UTC. Raises RecordingInvalid
    with every bad line at once.
    """
    try:
        with _opened(path) as file:
            return _parse(file, source=str(path), site=site)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RecordingInvalid(str(path), [f"cannot be read: {error}"]) from error


def play_recording(
    recording: Recording,
    sink: Sink,
    *,
    speed: float = 1.0,
    clock_ms: Callable[[], float] = lambda: time.time() * 1000,
    stop: threading.Event | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> int:
    """Send the recording at `speed`; return the number of messages. Blocks until the end or until `stop` is set."""
    begin, end = recording.span_ms
    wall_ms = clock_ms()
    shift_ms = math.floor(wall_ms + (end - begin) / speed) - end
    sent = 0
    for burst_due, burst in _bursts(recorded_messages(recording, shift_ms=shift_ms), begin + shift_ms, speed):
        while not (stop and stop.is_set()) and (wait_s := (wall_ms + burst_due - clock_ms()) / 1000) > 0:
            sink.pause(min(wait_s, 0.5))
        if stop and stop.is_set():
            break
        sink.publish([(topic, payload, False) for _, topic, payload in burst])
        sent += len(burst)
        if progress:
            progress(sent, min(1.0, burst_due * speed / max(1, end - begin)))
    return sent


def recorded_messages(recording: Recording, *, shift_ms: int = 0) -> Iterator[tuple[int, str, bytes]]:
    """Yield (time_ms, topic, payload) of every message: one message for the measurements of a sensor at one time."""
    seq: dict[str, int] = {}
    for (time_ms, site, kind, sensor), rows in groupby(recording.rows, lambda r: (r.time_ms, r.site, r.kind, r.sensor)):
        topic = f"campus/{site}/{kind}/{sensor}"
        seq[topic] = seq.get(topic, 0) + 1
        stamped = time_ms + shift_ms
        fields = {"time": rfc3339(stamped), "seq": seq[topic], **{row.metric: _wire(row) for row in rows}}
        yield stamped, topic, json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def _bursts(
    rows: Iterable[tuple[int, str, bytes]], begin_ms: int, speed: float
) -> Iterator[tuple[float, list[tuple[int, str, bytes]]]]:
    """Yield (ms after the begin of playing, messages); a burst is sent when its last message is due."""
    for _, group in groupby(rows, lambda row: int((row[0] - begin_ms) / speed / BURST_MS)):
        burst = list(group)
        yield (burst[-1][0] - begin_ms) / speed, burst


def _wire(row: Row) -> float | bool | None:
    if row.value is None:
        return None
    if row.metric in BOOLS:
        return bool(row.value)
    return int(row.value) if row.metric in COUNTS and row.value.is_integer() else row.value


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _parse(file: TextIO, *, source: str, site: str) -> Recording:
    reader = csv.DictReader(file)
    missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
    if missing:
        raise RecordingInvalid(source, [f"line 1: columns missing: {', '.join(missing)}; needed: {', '.join(NEEDED)}"])
    findings: list[str] = []
    rows: list[Row] = []
    for fields in reader:
        found = list(_findings(fields))
        findings += [f"line {reader.line_num}: {finding}" for finding in found]
        if not found:
            rows.append(_row(fields, site))
        if len(rows) > ROWS_MAX:
            raise RecordingInvalid(source, [f"more than {ROWS_MAX} rows"])
    if not rows and not findings:
        findings.append("no rows")
    if findings:
        raise RecordingInvalid(source, findings)
    rows.sort(key=lambda row: row.time_ms)
    return Recording(source, _merged(rows))


def _merged(rows: list[Row]) -> tuple[Row, ...]:
    """Return the rows of one time grouped by sensor, sensors in order of appearance."""
    ordered: list[Row] = []
    for _, moment in groupby(rows, lambda row: row.time_ms):
        by_sensor: dict[tuple[str, str, str], list[Row]] = {}
        for row in moment:
            by_sensor.setdefault((row.site, row.kind, row.sensor), []).append(row)
        ordered += [row for held in by_sensor.values() for row in held]
    return tuple(ordered)


def _findings(fields: Mapping[str | None, str | None]) -> Iterator[str]:
    if None in fields or any(fields.get(name) is None for name in NEEDED):
        yield "wrong number of columns"
        return
    sensor, kind, value = fields["sensor"] or "", fields["kind"] or "", fields["value"] or ""
    if not sensor.strip("/") or set(sensor) & set("+#\0"):
        yield f"sensor {sensor!r}: a name without + and # is needed"
    if kind not in KINDS:
        yield f"kind {kind!r}: allowed: {', '.join(KINDS)}"
    if not fields["metric"] or fields["metric"] in ("time", "seq"):
        yield f"metric {fields['metric']!r}: a name other than time and seq is needed"
    if _time_ms(fields["time"] or "") is None:
        yield f"time {fields['time']!r}: a date and time is needed, like 2026-11-02T22:00:00Z"
    if value.strip().lower() not in ("", "true", "false", "nan") and not _is_number(value):
        yield f"value {value!r}: a finite number, true, false or nothing is needed"


def _row(fields: Mapping[str, str], site: str) -> Row:
    text = fields["value"].strip().lower()
    value = None if text in ("", "nan") else float(text == "true") if text in ("true", "false") else float(text)
    where = site or fields.get("site") or "recording"
    time_ms = _time_ms(fields["time"])
    return Row(time_ms or 0, where, fields["kind"], fields["sensor"], fields["metric"], value)


def _time_ms(text: str) -> int | None:
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
