"""MEVA camera events: thefts and abandoned packages among all activities.

Each activity is an event of its camera with a begin and an end. The recordings contain few thefts: see the number of
cases. Offline findings between two clips are no incidents. Baseline: an alarm for every activity with an object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from . import gate_flow
from .goals import Goal, Measured, binomial_error
from .recordings import Found, Row, detections, seconds, table

WANTED = frozenset(("person_steals_object", "person_abandons_package"))
OFFLINE = frozenset(("sensor_silent", "gateway_silent"))
GRACE_S, HOUR_S = 60.0, 3600.0
RECALL = Goal("MEVA, thefts and abandoned packages found", "%", 60, 80, 100, group="MEVA")
FURTHER = Goal("MEVA, further incidents per camera-hour", "", 0.05, 0.05, 0.05, larger=False, group="MEVA")
Window = tuple[str, float, float]


def measure(folder: Path) -> Iterator[Measured]:
    """Yield the share of wanted activities with an incident, and the further incidents per camera-hour."""
    events = list(table(folder / "events.csv.gz"))
    clips = table(folder / "clips.csv.gz")
    hours = sum(seconds(clip["clip_end"]) - seconds(clip["clip_start"]) for clip in clips) / HOUR_S
    windows = [
        (_camera(event), seconds(event["start"]), seconds(event["end"]))
        for event in events
        if event["activity"] in WANTED
    ]
    ours = detections(row for number, event in enumerate(events) for row in _rows(number, event))
    simple: dict[str, list[Found]] = {}
    for event in events:
        if "object" in event["activity"] or "package" in event["activity"]:
            simple.setdefault(_camera(event), []).append(Found(seconds(event["start"]), "theft", 2))
    (recall, further), (their_recall, their_further) = (_figures(found, windows, hours) for found in (ours, simple))
    cases, error = len(windows), binomial_error(recall, len(windows))
    yield Measured("meva-camera-events", RECALL, recall, their_recall, cases, error)
    yield Measured("meva-camera-events", FURTHER, further, their_further, round(hours))
    yield from gate_flow.measure(folder)


def _camera(event: Mapping[str, str]) -> str:
    return f"{event['site']}-{event['camera']}"


def _rows(number: int, event: Mapping[str, str]) -> Iterator[Row]:
    camera = _camera(event)
    for state, value in (("start", 1.0), ("end", 0.0)):
        at_s = seconds(event[state])
        yield Row(camera, "camera", "object_present", at_s, value, camera, event["activity"], state, str(number))


def _figures(
    found: Mapping[str, Sequence[Found]], windows: Sequence[Window], hours: float
) -> tuple[float | None, float]:
    """Return the share of windows with an incident in per cent, and the incidents outside of them per hour."""
    incidents = [(camera, one.time_s) for camera, own in found.items() for one in own if one.hazard not in OFFLINE]
    hits = sum(any(_inside(one, window) for one in incidents) for window in windows)
    outside = sum(not any(_inside(one, window) for window in windows) for one in incidents)
    return (100 * hits / len(windows) if windows else None), outside / hours


def _inside(incident: tuple[str, float], window: Window) -> bool:
    return incident[0] == window[0] and window[1] <= incident[1] <= window[2] + GRACE_S
