"""Response schemas of coverage: blind rooms, counts of a site, bump tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

import alerts
from alerts.coverage.bump_tests import BumpTest as Test
from alerts.coverage.requirements import requirements
from alerts.coverage.rooms import SILENCED, LiveZones, Room, live_zones
from alerts.dangers.clauses import Clause

from .fields import Body, Both, Count, List, PlaceId, SensorId, SiteId, Time, ZoneId, both, moment, names

BlindCause = Literal["silenced", "isolated", "dusty", "stuck", "faulty", "offline", "never", "none"]


class BlindRoom(Body):
    """One place without a working detector of a required detection. candidate: it is a candidate major danger."""

    zone: ZoneId
    zone_name: Both
    place: PlaceId
    place_name: Both
    detection: Annotated[str, Field(description="required detection", examples=["fire"])]
    detection_name: Both
    cause: Annotated[BlindCause, Field(description="none: no detector; never: it never reported")]
    since: Annotated[Time | None, Field(description="null until the next look, within a minute")]
    sensors: list[SensorId]
    sleeping: bool
    clauses: Annotated[list[str], Field(description="clauses of the guide", examples=[["第三条第一项第四目"]])]


class CoverageCounts(Body):
    """Counts of a site. zones: with a required detection; zones_live: those with a working sensor of it."""

    site: SiteId
    name: Both
    places: Annotated[Count, Field(description="required detections of places")]
    covered: Count
    zones: Count
    zones_live: Count
    blind_sleeping: Annotated[Count, Field(description="blind rooms where people sleep")]


class Coverage(Body):
    """Coverage of a site now: counts, and the blind rooms with the rooms where people sleep first."""

    counts: CoverageCounts
    rooms: list[BlindRoom]


class CoverageList(List[CoverageCounts]):
    """One page of the counts of sites; without names of rooms."""


class BumpTest(Body):
    """Test of one detector. last_at: newest test in its signal; due_at: null before its first message."""

    sensor: SensorId
    kind: Annotated[str, Field(examples=["smoke"])]
    place: PlaceId
    place_name: Both
    last_at: Time | None
    due_at: Time | None
    state: Literal["ok", "due", "overdue", "never_reported"]


class BumpTestList(Body):
    """Tests of the detectors of a site, the earliest due first. interval_days: sensor kind -> interval."""

    items: list[BumpTest]
    interval_days: Annotated[dict[str, int], Field(examples=[{"smoke": 180}])]


def coverage_body(
    registry: alerts.Registry,
    site: str,
    found: Sequence[Room],
    since: Mapping[tuple[str, str], int],
    clauses: Sequence[Clause],
) -> Coverage:
    """Return the coverage of a site. since: (place, detection) -> begin; clauses: of the guide."""
    blind = [one for one in found if one.cause]
    ranked = sorted(blind, key=lambda one: (not registry.sleeps(site, one.place), one.zone, one.place, one.detection))
    rooms = [_room(registry, one, since.get((one.place, one.detection)), clauses) for one in ranked]
    return Coverage(counts=counts_body(registry, site, found), rooms=rooms)


def counts_body(registry: alerts.Registry, site: str, found: Sequence[Room]) -> CoverageCounts:
    """Return the counts of a site."""
    zones = live_zones(found).get(site, LiveZones())
    sleeping = [one for one in found if one.cause and one.detection == "fire" and registry.sleeps(site, one.place)]
    return CoverageCounts(
        site=site,
        name=names(registry.site(site)),
        places=len(found),
        covered=sum(not one.cause for one in found),
        zones=zones.zones,
        zones_live=zones.live,
        blind_sleeping=len(sleeping),
    )


def tests_body(registry: alerts.Registry, tests: Sequence[Test]) -> BumpTestList:
    """Return the tests of the detectors of a site."""
    return BumpTestList(
        items=[
            BumpTest(
                sensor=one.sensor,
                kind=one.kind,
                place=one.place,
                place_name=both(registry.place_name(one.site, one.place)),
                last_at=moment(one.last_ns),
                due_at=moment(one.due_ns),
                state=one.state,
            )
            for one in tests
        ],
        interval_days={kind: int(ns // 86_400_000_000_000) for kind, ns in requirements().bump_test_ns.items()},
    )


def _room(registry: alerts.Registry, one: Room, since_ns: int | None, clauses: Sequence[Clause]) -> BlindRoom:
    detection, zone = requirements().detections[one.detection], registry.zone_of(one.site, one.place)
    sleeping = registry.sleeps(one.site, one.place)
    candidate = sleeping and one.detection == "fire" and one.cause != SILENCED  # its patrol compensates
    return BlindRoom.model_validate(
        {
            "zone": one.zone,
            "zone_name": names(zone),
            "place": one.place,
            "place_name": both(registry.place_name(one.site, one.place)),
            "detection": one.detection,
            "detection_name": {"zh": detection.zh, "en": detection.en},
            "cause": one.cause,
            "since": moment(since_ns or one.since_ns),
            "sensors": list(one.sensors),
            "sleeping": sleeping,
            "clauses": [each.citation for each in clauses if candidate and each.holds_for("detector_lost", zone.key)],
        }
    )
