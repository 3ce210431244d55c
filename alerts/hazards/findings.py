"""Findings from detection batches, with sensor, place and cause resolved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alerts.model import Finding, identity
from alerts.risk.registry import Registry
from detectors import DetectionBatch, Phase
from ingest import Catalog, Sensor

DETECTOR_LOST, DETECTOR_MISSING = "detector_lost", "detector_missing"
SILENT = frozenset(("sensor_silent", "gateway_silent", DETECTOR_LOST))
"""Kinds of findings about a sensor or gateway without messages."""
UNREACHED = ("gateway_silent", "sensor_silent")
"""Those of them that a declared dependency explains; a lost detector of a sleeping room is never explained away."""

ROOM_STATES = frozenset(("occupied",))
"""Kinds of detections that state a room's use to other rules; they are no findings."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One detection with its place and phase. The finding has no hazard yet ("")."""

    finding: Finding
    phase: Phase
    place: str
    zone: str


def observations(
    detections: DetectionBatch,
    catalog: Catalog,
    registry: Registry,
    *,
    assigned: Mapping[tuple[str, str], str],
    now_ns: int,
    rows: Sequence[int] | None = None,
) -> Iterator[Observation]:
    """Return the detections of these rows, or of all, in order.

    assigned: sensor bindings of people, which override the registry. Left out: room states, rules in shadow, a lost
    detector outside sleeping rooms, and a removed sensor without a place; their ends stay, which end earlier findings.
    """

    def place_of(sensor: Sensor) -> str:
        return assigned.get((sensor.site, sensor.id)) or sensor.place

    def rooms_of(sensor: Sensor, names: Iterable[str]) -> list[str]:
        found = [catalog.find(sensor.site, name) for name in names]
        return [room for one in found if one is not None and (room := place_of(one))]

    for row in range(len(detections)) if rows is None else rows:
        if detections.hazard[row] in ROOM_STATES:
            continue
        sensor, evidence = catalog[int(detections.sensor[row])], detections.evidence[row]
        behind = sensors_behind(evidence)
        own = rooms_of(sensor, [sensor.id, *(name for name in behind if name.startswith(f"{sensor.id}/"))])
        place = next(iter(own), "")  # a device without a place has that of its probes
        if detections.phase[row] != Phase.CLEAR:
            if detections.shadow(row):
                continue
            if sensor.removed and not place:
                continue
            if detections.hazard[row] == DETECTOR_LOST:
                rooms = rooms_of(sensor, behind or (sensor.id,))
                room = next((room for room in rooms if registry.sleeps(sensor.site, room)), "")
                if not room:
                    continue
                place = place or room  # of a gateway without a place
        place = place or f"unassigned:{sensor.id}"
        finding = _finding(detections, row, (sensor.site, sensor.id), catalog, now_ns)
        zone = registry.zone_of(sensor.site, place).id
        yield Observation(finding, Phase(int(detections.phase[row])), place, zone)


def _finding(detections: DetectionBatch, row: int, sensor: tuple[str, str], catalog: Catalog, now_ns: int) -> Finding:
    site, sensor_id = sensor
    rule, metric = detections.rule[row], catalog.metric_of(int(detections.metric[row])).name
    first_ns, drill = int(detections.first_ns[row]), bool(detections.drill[row])
    return Finding(
        id=identity(rule, site, sensor_id, metric, first_ns, int(detections.decided_ns[row]), drill),
        hazard="",
        site=site,
        sensor=sensor_id,
        metric=metric,
        rule=rule,
        detector=detections.detector[row],
        kind=detections.hazard[row],
        level=int(detections.level[row]),
        active=True,
        first_ns=first_ns,
        last_ns=int(detections.last_ns[row]),
        gateway_ns=int(detections.gateway_ns[row]),
        arrival_ns=int(detections.arrival_ns[row]),
        decided_ns=int(detections.decided_ns[row]),
        recorded_ns=now_ns,
        cleared_ns=None,
        score=float(detections.score[row]),
        late=bool(detections.late[row]),
        drill=drill,
        timeline=str(detections.evidence[row].get("timeline", "live")),
        evidence=dict(detections.evidence[row]) | {"page": detections.pages(row)},
    )


def sensors_behind(evidence: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the sensors behind an offline gateway, from the evidence of its finding."""
    return tuple(evidence.get("dims", {}).get("behind", ()))
