"""World: a scenario planned onto the devices of schools, its signals and truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np

from simulators.campus.effect import Effect, Happening, Stage
from simulators.campus.fleet import Fleet, Samples
from simulators.campus.noise import key_of
from simulators.campus.school import Campus, place_periods
from simulators.errors import ScenarioInvalid
from simulators.faults import FAULTS, Fault, FaultSettings, Outage, reach
from simulators.models import quiet, steady
from simulators.models.effects import EFFECTS
from simulators.scenarios.scenario import Scenario
from simulators.truth.truth import Truth

REPEATS_MAX = 10_000
DOOR_KINDS = frozenset(("gate_forced", "gate_held_open"))
"""Kinds that exclude each other at one door."""

SOLE_KINDS = frozenset(("fire", "flood", "pipe_burst", "crowd"))
"""Kinds that a place has at most once at a time; fumes and people may overlap."""


@dataclass(frozen=True)
class World:
    """A scenario planned onto a fleet: source of messages and truth.

    rate_per_s: 0: every device sends by its own period; otherwise the whole fleet sends in turn at this rate.
    """

    scenario: Scenario
    campus: Campus
    fleet: Fleet
    effects: tuple[Effect, ...]
    drills: frozenset[int]
    start_ms: int
    rate_per_s: float = 0.0

    @property
    def span_ms(self) -> tuple[int, int]:
        """Span from the first history to the end."""
        begin = self.start_ms - round(self.scenario.history_s * 1000)
        return begin, self.start_ms + round(self.scenario.duration_s * 1000)

    @cached_property
    def faults(self) -> tuple[Fault, ...]:
        """Return the planned faults, in the order of the file. Raises ScenarioInvalid when no device fits."""
        return tuple(_faults(self))

    def frames(self, span_ms: tuple[int, int]) -> list[Samples]:
        """Return all measurements in [begin, end) before any fault, for any split of time into spans."""
        parts = steady(self.fleet, self.rate_per_s, span_ms) if self.rate_per_s else quiet(self.fleet, span_ms)
        for number, effect in enumerate(self.effects):
            begin, end = effect.span_ms
            if begin < span_ms[1] and end > span_ms[0]:
                changed = [effect.alter(part) for part in parts]
                added = effect.events(span_ms)
                if number in self.drills:
                    changed = [half for part in changed for half in _as_drill(self.fleet, effect, part)]
                    added = [half for part in added for half in _as_drill(self.fleet, effect, part)]
                parts = changed + added
        return [part for part in parts if len(part)]

    def truths(self) -> list[Truth]:
        """Return all labelled intervals, including faults, in order of onset."""
        found = [
            replace(truth, drill=True, must_page=False, must_not_page=True) if number in self.drills else truth
            for number, effect in enumerate(self.effects)
            for truth in effect.truths()
        ]
        for fault in self.faults:
            if isinstance(fault, Outage):
                found = [fault.amend(truth) for truth in found]
        found += [truth for fault in self.faults for truth in fault.truths()]
        return sorted(found, key=lambda truth: (truth.onset_ms, truth.kind, truth.devices))


def plan(scenario: Scenario, campus: Campus, *, start_ms: int | None = None, rate_per_s: float = 0.0) -> World:
    """Plan the scenario onto these schools; same campus, seed and start give the same world.

    Raises ScenarioInvalid when the schools lack a device that an effect needs, or when two effects exclude each other.
    """
    placed = place_periods(campus, scenario.periods_s)
    begin = scenario.start_ms if start_ms is None else start_ms
    findings: list[str] = []
    fleet = placed.fleet()
    planned = list(_effects(scenario, fleet, begin, campus.seed, findings))
    findings += _collisions([(name, effect) for name, effect, _ in planned])
    drills = frozenset(number for number, (_, _, drill) in enumerate(planned) if drill)
    effects = tuple(effect for _, effect, _ in planned)
    world = World(scenario, placed, fleet, effects, drills, begin, rate_per_s)
    if findings:
        raise ScenarioInvalid(scenario.id, findings)
    if scenario.faults:
        len(world.faults)  # raise now for a fault without devices
    return world


def _effects(
    scenario: Scenario, fleet: Fleet, begin_ms: int, seed: int, findings: list[str]
) -> Iterator[tuple[str, Effect, bool]]:
    """Yield (name for people, effect, whether it is a drill) of every repetition."""
    for index, (model, settings) in enumerate(scenario.effects):
        for round_, at_ms in enumerate(_begins(settings, begin_ms, scenario.duration_s)):
            key = key_of(seed, f"{scenario.id}/{index}/{round_}")
            effect = EFFECTS[model][1](settings, Stage(fleet, at_ms, key, scenario.id))
            if effect is None:
                findings.append(f"effect {index + 1} ({model}): no fitting device in {_where(settings, fleet)}")
                break
            yield f"effect {index + 1} ({model})", effect, settings.drill


def _where(settings: Happening, fleet: Fleet) -> str:
    keys = ", ".join(sorted({device.zone_key for device in fleet.drawn}))
    return f"zone {settings.zone!r}, device {settings.device!r}, site {settings.site!r}; zones here: {keys}"


def _begins(settings: Happening, start_ms: int, duration_s: float) -> Iterator[int]:
    """Yield the begin of each repetition within the scenario."""
    for round_ in range(REPEATS_MAX):
        at_s = settings.at_s + round_ * settings.repeat_s
        if round_ and at_s >= duration_s:
            return
        yield start_ms + round(at_s * 1000)
        if not settings.repeat_s:
            return


def _collisions(planned: Sequence[tuple[str, Effect]]) -> Iterator[str]:
    """Yield the conflicts of effects that need one device at the same time."""
    named = [(name, truth) for name, effect in planned for truth in effect.truths()]
    by_device: dict[tuple[str, str], list[tuple[str, Truth]]] = {}
    for name, truth in named:
        by_device.setdefault((truth.site, truth.devices[0]), []).append((name, truth))
    for (site, device), there in by_device.items():
        for (name, one), (other_name, other) in combinations(there, 2):
            together = {one.kind, other.kind}
            exclusive = together <= DOOR_KINDS or (len(together) == 1 and together <= SOLE_KINDS)
            if exclusive and one.onset_ms < other.end_ms and other.onset_ms < one.end_ms:
                yield f"{name} and {other_name} overlap at {site}/{device}: it cannot be {one.kind} and {other.kind}"


def _as_drill(fleet: Fleet, effect: Effect, part: Samples) -> list[Samples]:
    """Return the rows with those of a drill marked as a test."""
    truths = effect.truths()
    marked = np.zeros(len(part), np.bool_)
    for truth in truths:
        mine = {
            index
            for index in np.unique(part.device).tolist()
            if fleet.devices[index].site == truth.site and fleet.devices[index].id in truth.affected_devices
        }
        begin, end = effect.span_ms
        marked |= np.isin(part.device, list(mine)) & (part.time_ms >= begin) & (part.time_ms < end)
    if not marked.any():
        return [part]
    drill = part.keep(marked)
    values = np.column_stack((drill.values, np.ones(len(drill))))
    return [part.keep(~marked), replace(drill, metrics=(*drill.metrics, "test"), values=values)]


def _faults(world: World) -> Iterator[Fault]:
    scenario, findings = world.scenario, []
    for index, (kind, settings) in enumerate(scenario.faults):
        if not isinstance(settings, FaultSettings):
            raise TypeError(f"{kind} has no settings of a fault")
        for round_, begin_ms in enumerate(_begins(settings, world.start_ms, scenario.duration_s)):
            end_ms = begin_ms + round(1000 * settings.duration_s) if settings.duration_s else world.span_ms[1]
            key = key_of(world.campus.seed, f"{scenario.id}/fault/{index}/{round_}")
            where = reach(settings, world.fleet, (begin_ms, end_ms), key=key, scenario=scenario.id, look=world.frames)
            if where is None:
                findings.append(f"fault {index + 1} ({kind}): no fitting device in {_where(settings, world.fleet)}")
                break
            yield FAULTS[kind][1](where, settings)
    if findings:
        raise ScenarioInvalid(scenario.id, findings)
