"""Command `replay`: an alarm decided again from the logs of a data folder, compared byte by byte.

It needs telemetry log, detection log and alert database, no broker and no configuration file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from functools import partial
from hashlib import sha256
from itertools import groupby, takewhile
from pathlib import Path
from typing import Any

from alerts import Finding, open_database
from alerts.evidence import Evidence
from detectors import DetectionBatch, Phase, build, encode
from ingest import METRIC_BY_NAME, Catalog, Priority
from twinward.clock import system_clock
from twinward.data_folder.files import DATABASE
from twinward.detection.lane import DETECT, DETECT_FUSION, DETECT_OFFLINE, DETECT_URGENT, DetectionLane
from twinward.errors import InputError
from twinward.log import DetectionLog, TelemetryLog
from twinward.log.anchors import Anchor
from twinward.log.configuration import Configuration, RecordedGate, decode
from twinward.log.places import places, require_logs

ENTRIES = 256
Key = tuple[str, int, int, bool, str]
"""Rule, sensor code, metric code, drill, timeline."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One row of the detection log. source: telemetry position that decided it."""

    source: int
    priority: Priority
    phase: Phase
    first_ns: int
    record: bytes


def replay(alarm: str, folder: Path, *, database: str = "", log_url: str = "") -> dict[str, Any]:
    """Return the comparison for each finding of an alarm (hazard id or finding id). Raises InputError."""
    require_logs(folder, log_url)
    telemetry, detected = places(folder, log_url)
    engine = open_database(database or f"sqlite:///{folder / DATABASE}")
    try:
        found = Evidence(engine).findings_named(alarm)
    finally:
        engine.dispose()
    if not found:
        raise InputError(f"alarm {alarm!r}: unknown in this data folder; allowed is the id of a hazard or a finding")
    with (
        closing(TelemetryLog(telemetry, clock=system_clock)) as log,
        closing(DetectionLog(detected, clock=system_clock)) as detections,
    ):
        one = _Replay(log, detections)
        rows = [one.compare(finding) for finding in found]
    return {"alarm": alarm, "same": all(row["same"] for row in rows), "findings": rows}


class _Replay:
    """Logs of one data folder."""

    def __init__(self, log: TelemetryLog, detections: DetectionLog) -> None:
        self._log, self._detections = log, detections
        self._sensors, self._metrics = log.catalog()

    def compare(self, finding: Finding) -> dict[str, Any]:
        """Return the recorded and the repeated decisions of a finding as digests."""
        catalog = Catalog()
        catalog.load(self._sensors, self._metrics)
        key = _key(finding, catalog)
        recorded = self._recorded(key, finding)
        if not recorded:
            raise InputError(f"finding {finding.id}: not in the detection log; its retention ended")
        repeated: list[bytes] = []
        stages, entries = set[str](), 0
        for (stage, anchor), rows in groupby(recorded, lambda row: self._begin(row, finding)):
            again, read = self._again(stage, anchor, key, list(rows))
            repeated += again
            entries += read
            stages.add(stage)
        before, after = b"".join(row.record for row in recorded), b"".join(repeated)
        return {
            "finding": finding.id,
            "rule": finding.rule,
            "sensor": finding.sensor,
            "stage": ", ".join(sorted(stages)),
            "rows": len(recorded),
            "entries": entries,
            "recorded": sha256(before).hexdigest(),
            "repeated": sha256(after).hexdigest(),
            "same": before == after,
        }

    def _recorded(self, key: Key, finding: Finding) -> list[Recorded]:
        """Return the rows of the finding in the detection log: from its raise to its clear."""
        found: list[Recorded] = []
        for row in _rows(self._detections, key):
            if not found and (row.phase is Phase.CLEAR or row.first_ns != finding.first_ns):
                continue
            if found and row.phase is Phase.RAISE:
                break
            found.append(row)
            if row.phase is Phase.CLEAR:
                break
        return found

    def _begin(self, row: Recorded, finding: Finding) -> tuple[str, Anchor]:
        """Return stage and anchor from which a row follows."""
        stages = (DETECT_URGENT, DETECT_FUSION) if row.priority is Priority.URGENT else (DETECT, DETECT_OFFLINE)
        for stage in stages:
            anchor = self._detections.anchors.before(stage, row.source)
            if anchor is not None and self._ran(stage, finding):
                return stage, anchor
        raise InputError(f"finding {finding.id}: no state before position {row.source} is kept; its retention ended")

    def _ran(self, stage: str, finding: Finding) -> bool:
        """Return whether a stage ever ran the rule: after its removal, the stage still ends its findings."""
        return any(finding.rule in _rules(self._configuration(one)) for one in self._detections.anchors.of(stage))

    def _configuration(self, anchor: Anchor) -> Configuration:
        return decode(self._detections.anchors.state(anchor)[1])

    def _again(self, stage: str, anchor: Anchor, key: Key, rows: Sequence[Recorded]) -> tuple[list[bytes], int]:
        """Return the records that the detectors make again, and the number of entries read."""
        state, body = self._detections.anchors.state(anchor)
        setting = decode(body)
        catalog = Catalog(setting.sensors)
        catalog.load(self._sensors, self._metrics)
        gate = RecordedGate(setting.standings)
        source = self._log.urgent() if stage == DETECT_URGENT else self._log
        lane = DetectionLane(
            stage, source, partial(build, setting.recipe, catalog, setting.calendar, plan=setting.plan, gate=gate)
        )
        lane.load(state)
        first, last = rows[0], rows[-1]
        position, count, found = anchor.source, 0, list[Recorded]()
        while position < last.source:
            entries = [one for one in source.read(position, limit=ENTRIES) if one.seq <= last.source]
            if not entries:
                break
            batch = lane.score([(entry.priority, entry.batch) for entry in entries])
            found += [row for row in _of_batch(batch, key, 0, Priority.ORDINARY) if _belongs(row, first)]
            position, count = entries[-1].seq, count + len(entries)
        if first.phase is Phase.RAISE:
            kept = found[: len(rows)]
        else:
            kept = list(takewhile(lambda row: not _follows(row, first), found))[-len(rows) :]
        return [row.record for row in kept], count


def _belongs(row: Recorded, first: Recorded) -> bool:
    """Return whether a repeated row is of the finding: not of an earlier raise of the series."""
    return row.first_ns >= first.first_ns


def _follows(row: Recorded, first: Recorded) -> bool:
    """Return whether a repeated row is a later raise of the series: that of a changed rule in the same entry."""
    return row.phase is Phase.RAISE and row.first_ns > first.first_ns


def _rules(setting: Configuration) -> set[str]:
    return {rule.name for rule in setting.recipe.rules}


def _key(finding: Finding, catalog: Catalog) -> Key:
    sensor = catalog.find(finding.site, finding.sensor)
    metric = METRIC_BY_NAME.get(finding.metric) or catalog.learned(finding.metric)
    if sensor is None or metric is None:
        raise InputError(f"finding {finding.id}: sensor {finding.sensor} or metric {finding.metric} is not in the log")
    return finding.rule, sensor.code, metric.code, finding.drill, finding.timeline


def _rows(log: DetectionLog, key: Key) -> Iterator[Recorded]:
    position = 0
    while entries := log.read(position, limit=ENTRIES):
        position = entries[-1].seq
        for entry in entries:
            yield from _of_batch(entry.detections, key, entry.source, entry.priority)


def _of_batch(batch: DetectionBatch, key: Key, source: int, priority: Priority) -> Iterator[Recorded]:
    """Yield the rows of one series and rule as records: the row encoded as a batch of its own."""
    rule, sensor, metric, drill, timeline = key
    for row in range(len(batch)):
        same = batch.rule[row] == rule and batch.sensor[row] == sensor and batch.metric[row] == metric
        if same and bool(batch.drill[row]) == drill and batch.evidence[row].get("timeline", "live") == timeline:
            columns = {field.name: getattr(batch, field.name)[row : row + 1] for field in fields(batch)}
            record = encode(DetectionBatch(**columns))
            yield Recorded(source, priority, Phase(int(batch.phase[row])), int(batch.first_ns[row]), record)
