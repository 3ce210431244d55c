"""Plots of every scenario: measurements of its devices, and the truth behind them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

import numpy as np

from simulators.campus.fleet import Samples
from simulators.campus.school import build_campus
from simulators.encode.metrics import HEALTH, UNITS
from simulators.gallery.plot import Panel, Picture, Span
from simulators.play.stream import Stream
from simulators.play.world import World, plan
from simulators.scenarios.scenario import Scenario, load_scenario, names
from simulators.truth.truth import Truth

ZONE = timezone(timedelta(hours=8), "UTC+8")
DAY_MS = 86_400_000
PANELS = 4
_PAD_MS = 900_000
_DEVICE_KINDS = frozenset(("battery_low",))
_UNITS: Mapping[str, str] = {
    **UNITS,
    "temperature": "°C",
    "flow": "m³/s",
    "level": "m",
    **dict.fromkeys(("sharpness", "luma", "scene_change"), "%"),
}
Points = dict[tuple[int, str], list[tuple[float, float]]]
"""(device, metric) -> (s since 1970 UTC, value)."""


def bank() -> list[str]:
    """Ids of the scenario bank, in order."""
    return sorted((name for name in names() if name[0] == "S" and name[1:].isdigit()), key=lambda name: int(name[1:]))


def build(
    folder: Path, ids: Sequence[str], *, seed: int = 1, progress: Callable[[int, float], None] | None = None
) -> list[Path]:
    """A picture `{id}.png` of each scenario and a page `index.md` of them all; gives the files.

    Raises ScenarioInvalid for an unknown scenario, PlotUnavailable without matplotlib, OSError for the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files, page = [], [_HEAD]
    for number, name in enumerate(ids, 1):
        script = load_scenario(name)
        world = plan(script, build_campus(seed=seed))
        files.append(picture(world).save(folder / f"{script.id}.png"))
        page.append(_entry(script, world.truths()))
        if progress:
            progress(number, number / len(ids))
    index = folder / "index.md"
    index.write_text("\n".join(page), encoding="utf-8")
    return [*files, index]


def picture(world: World) -> Picture:
    """The panels that show a scenario: the metrics that differ most from the same school on a quiet day."""
    truths = world.truths()
    span_ms = _window(world, truths)
    devices = _devices(world, truths)
    loud = _points(world, devices, span_ms)
    calm = plan(replace(world.scenario, effects=(), faults=()), world.campus, start_ms=world.start_ms)
    quiet = _points(calm, devices, span_ms)
    about_devices = any(truth.kind in _DEVICE_KINDS for truth in truths)
    plotted = [key for key in loud if about_devices or key[1] not in HEALTH]
    chosen = sorted(plotted, key=lambda key: (-_difference(loud[key], quiet.get(key, [])), key))[:PANELS]
    found = Picture(f"{world.scenario.id}  {world.scenario.name_en}", zone=ZONE)
    for index, metric in sorted(chosen):
        device = world.fleet.devices[index]
        spans = [_span(truth) for truth in truths if device.id in (*truth.devices, *truth.affected_devices)]
        steps = metric not in _UNITS
        found.panels.append(
            Panel(f"{device.id}  {metric}", _UNITS.get(metric, ""), loud[index, metric], spans, steps=steps)
        )
    return found


def _window(world: World, truths: Sequence[Truth]) -> tuple[int, int]:
    """The part of the world's time in which something happens, with some quiet around it."""
    begin, end = world.span_ms
    if not truths:
        return begin, min(end, begin + 7 * DAY_MS)
    first, last = min(truth.onset_ms for truth in truths), max(truth.end_ms for truth in truths)
    pad = max(_PAD_MS, (last - first) // 8)
    return max(begin, first - pad), min(end, last + pad)


def _devices(world: World, truths: Sequence[Truth]) -> list[int]:
    """Up to PANELS devices, the first of each interval first."""
    named = [truth.devices[place] for place in range(2) for truth in truths if len(truth.devices) > place]
    by_id = {device.id: index for index, device in enumerate(world.fleet.devices)}
    found = list(dict.fromkeys(by_id[name] for name in named if name in by_id))
    usual = [index for model in ("smoke", "pond", "turnstile", "room") for index in world.fleet.find(model)[:1]]
    return found[:PANELS] or usual


def _points(world: World, devices: Sequence[int], span_ms: tuple[int, int]) -> Points:
    """Return the values of these devices at their arrival time, a day at a time; a camera's objects as a count."""
    found: Points = defaultdict(list)
    seen: dict[int, int] = defaultdict(int)
    wanted = np.isin(np.arange(len(world.fleet.devices)), devices)
    begin, end = span_ms
    stream = Stream(world, begin_ms=begin)
    for start in range(begin, end, DAY_MS):
        for part in stream.advance(min(start + DAY_MS, end)):
            _add_points(part.keep(wanted[part.device]), seen, found)
    return {key: sorted(points) for key, points in found.items()}


def _add_points(part: Samples, seen: dict[int, int], found: Points) -> None:
    """Append the values of the messages; `seen` counts the objects of each camera."""
    for row, (index, time_ms) in enumerate(zip(part.device.tolist(), part.due_ms.tolist(), strict=True)):
        if part.labels and (state := part.labels[row].get("state")) in ("start", "end"):
            seen[index] = max(0, seen[index] + (1 if state == "start" else -1))
            found[index, "objects seen"].append((time_ms / 1000, float(seen[index])))
        for metric, value in zip(part.metrics, part.values[row].tolist(), strict=True):
            if value == value:  # noqa: PLR0124 - NaN is no measurement
                found[index, metric].append((time_ms / 1000, value))


def _difference(loud: Sequence[tuple[float, float]], quiet: Sequence[tuple[float, float]]) -> float:
    """Return the distance of a signal from the quiet day, in spreads of that day; missing and new messages count."""
    values, usual = np.array([value for _, value in loud]), np.array([value for _, value in quiet])
    if not len(usual):
        return float(len(values))
    spread = float(usual.std()) or float(abs(usual).mean()) or 1.0
    same = min(len(values), len(usual))
    apart = float(np.abs(np.sort(values)[-same:] - np.sort(usual)[-same:]).max(initial=0.0)) / spread
    return apart + abs(len(values) - len(usual)) / max(len(usual), 1)


def _span(truth: Truth) -> Span:
    harm = None if truth.harm_at_ms is None else truth.harm_at_ms / 1000
    return Span(truth.onset_ms / 1000, truth.end_ms / 1000, harm, not truth.must_not_page, truth.kind)


_HEAD = """# Plots of the scenario bank

`twinward gallery` generates this page. Red areas are events. Grey areas are nuisances or faults that must not page. A
dotted line is the start of harm. Each plot shows the devices with the signal, and the metrics with the largest
difference from a quiet day of the same school. Values are at their arrival time.
"""


def _entry(script: Scenario, truths: Sequence[Truth]) -> str:
    kinds = sorted({truth.kind for truth in truths})
    paged = "must page" if any(truth.must_page for truth in truths) else "must not page"
    truth = f"{', '.join(kinds)}; {paged}" if kinds else "nothing happens"
    return (
        f"## {script.id} {script.name_zh} · {script.name_en}\n\n{script.text_zh}\n\n{script.text_en}\n\n"
        f"Truth: {truth}. Rule: {script.rule}\n\n![{script.id}]({script.id}.png)\n"
    )
