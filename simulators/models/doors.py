"""Door events: opened without a card, or propped open after a card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval, Unit, doc

from simulators.campus.effect import Happening, Stage
from simulators.campus.fleet import Fleet, Samples, frames
from simulators.models.cameras import GATE, track_frames
from simulators.truth.truth import Truth

MARGIN_MS = 60_000
"""Time without ordinary passages before and after."""

PROP_S, EARLY_S, ALARM_S = 30, 120, 600
"""Levels of a door that stays open: hint, early warning, alarm."""


@dataclass(frozen=True, slots=True)
class ForcedSettings(Happening):
    """A door opens without a granted card; a camera of the zone detects a person."""

    open_s: Annotated[tuple[float, float], Interval(ge=1, le=86_400), Unit("s"), doc("time that it stays open")] = (
        20.0,
        90.0,
    )
    lock_tells: Annotated[bool, doc("the lock reports `forced`")] = False


@dataclass(frozen=True, slots=True)
class HeldSettings(Happening):
    """A door opens with a card and is propped."""

    open_s: Annotated[tuple[float, float], Interval(ge=1, le=86_400), Unit("s"), doc("time that it stays open")] = (
        660.0,
        1200.0,
    )


@dataclass(frozen=True, slots=True)
class DoorEvent:
    """One planned opening of a door; `granted` separates a propped door from a break-in."""

    stage: Stage
    device: int
    camera: int | None
    open_s: float
    granted: bool
    lock_tells: bool = False

    @property
    def opened_ms(self) -> int:
        """Time at which the contact opens."""
        return self.stage.at_ms + (900 if self.granted else 0)

    @property
    def shut_ms(self) -> int:
        """Time at which the contact closes."""
        return self.opened_ms + round(self.open_s * 1000)

    @property
    def span_ms(self) -> tuple[int, int]:
        """Span from before the opening until after the closing."""
        return self.stage.at_ms - MARGIN_MS, self.shut_ms + MARGIN_MS

    def alter(self, part: Samples) -> Samples:
        """Remove ordinary passages of this door in the span."""
        if part.metrics not in (("open",), ("access_granted",)):
            return part
        begin, end = self.span_ms
        return part.keep((part.device != self.device) | (part.time_ms < begin) | (part.time_ms >= end))

    def events(self, span_ms: tuple[int, int]) -> list[Samples]:
        """Return card, contact, its state once a minute, and the person on camera."""
        states = [(self.opened_ms, 1.0), *((at, 1.0) for at in range(self.opened_ms + 60_000, self.shut_ms, 60_000))]
        parts = [self._contact([*states, (self.shut_ms, 0.0)])]
        if self.granted:
            parts.append(frames([(self.device, self.stage.at_ms)], {"access_granted": [1.0]}))
        begin, end = span_ms
        kept = [part.keep((part.time_ms >= begin) & (part.time_ms < end)) for part in parts]
        if self.camera is not None and not self.granted:
            start_ms = self.opened_ms + round(1000 * self.stage.draw(-5, 5, stream=5))
            kept.append(
                track_frames([(self.camera, start_ms, 15_000, 0.86)], zone=GATE, span_ms=span_ms, update_ms=5_000)
            )
        return [part for part in kept if len(part)]

    def _contact(self, states: list[tuple[int, float]]) -> Samples:
        columns = {"open": [value for _, value in states]}
        if self.lock_tells:
            columns["forced"] = columns["open"]
        return frames([(self.device, at_ms) for at_ms, _ in states], columns)

    def _rung(self) -> int:
        """Return the highest level that a propped door reaches."""
        return max(0, sum(self.open_s >= step for step in (PROP_S, EARLY_S, ALARM_S)) - 1)

    def truths(self) -> Sequence[Truth]:
        """Return the truth. harm_at: the opening of a forced door; the end of the prop time of a held one."""
        here = self.stage.fleet.devices[self.device]
        names = (here.id, *((self.stage.fleet.devices[self.camera].id,) if self.camera is not None else ()))
        level = 2 if not self.granted else self._rung()
        seen_ms = self.opened_ms + (PROP_S * 1000 if self.granted else 0)
        return [
            Truth(
                self.stage.scenario,
                "gate_held_open" if self.granted else "gate_forced",
                here.site,
                here.zone,
                self.stage.at_ms,
                seen_ms,
                seen_ms if self.open_s >= PROP_S or not self.granted else None,
                self.shut_ms,
                level,
                must_page=level > 1,
                must_not_page=self.granted and self.open_s < PROP_S,
                devices=names[:1],
                affected_devices=names,
            ),
        ]


def plan_forced(settings: ForcedSettings, stage: Stage) -> DoorEvent | None:
    """Plan a break-in at a door of the zone; None without a door."""
    doors = settings.candidates(stage.fleet, "door")
    if not doors:
        return None
    door = stage.pick(doors)
    open_s = stage.draw(*settings.open_s, stream=1)
    return DoorEvent(stage, door, _camera(stage.fleet, door), open_s, granted=False, lock_tells=settings.lock_tells)


def plan_held(settings: HeldSettings, stage: Stage) -> DoorEvent | None:
    """Plan a propped door of the zone; None without a door."""
    doors = settings.candidates(stage.fleet, "door")
    if not doors:
        return None
    return DoorEvent(stage, stage.pick(doors), None, stage.draw(*settings.open_s, stream=1), granted=True)


def _camera(fleet: Fleet, door: int) -> int | None:
    here = fleet.devices[door]
    return next((i for i in fleet.find("camera", site=here.site) if fleet.devices[i].zone == here.zone), None)
