"""Detectors of tracked objects: a person who loiters, an object that its owner left.

Source: loiter times of the Frigate project for a zone; left-luggage rule of PETS 2006 (an object is abandoned once its
owner has been away for a time). Cost: about 4 us for each event of a camera; other readings cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from detectors.calendar import Calendar
from detectors.detection import Phase
from detectors.kernels.emission import LATE, LIVE, NONE, TIMELINES
from detectors.recipes.cameras import Abandoned, Loiter
from detectors.recipes.limits import applies
from detectors.rule_detection import RuleDetection
from detectors.series.views import BatchView, Fleet, Part, Table
from detectors.wording import span

from .labels import ended, label_of, score_of, track_of, zoned
from .measures import SECOND_NS

LAYOUT = 1
"""Version of the state in snapshots; a change of its fields or of their meaning raises it."""

TRACKS_MAX = 64
"""Objects of one camera; beyond that the one confirmed longest ago is forgotten."""

_OVER = "已离开", "Nobody and nothing is there any more"
_CLEARS = "摄像机不再识别到后解除", "Clears when the camera no longer detects it"
OWNERS_KEPT = 8
"""Owners of one camera beyond which those that left without an end are forgotten."""
FAR = 2**63 - 1
DELAYED_NS = 5 * SECOND_NS
"""Delay behind the clock that marks a buffered event: its end may be the next row."""


@dataclass(slots=True)
class _Scene:
    """Tracks of one camera and timeline. step: levels raised; track: the one that raised them.

    tracks: id -> event times of begin and last message, then the clock's bases of duration and hold; owners: id -> base
    of the hold. alone_ns: time since which no owner is present.
    """

    tracks: dict[str, list[int]] = field(default_factory=dict)
    owners: dict[str, int] = field(default_factory=dict)
    alone_ns: int = int(NONE)
    step: int = 0
    track: str = ""
    first_ns: int = 0
    last_ns: int = 0

    def idle(self) -> bool:
        """Return whether the scene needs no memory."""
        return not (self.tracks or self.owners or self.step)


class ObjectDetector:
    """Detector of one rule of type loiter or abandoned. Its durations run on the clock of all rows.

    A track of the late timeline advances by its own messages only.
    """

    def __init__(self, rule: Loiter | Abandoned, table: Table, calendar: Calendar) -> None:
        self.rule, self._table, self._calendar = rule, table, calendar
        self._kind = "loiter" if isinstance(rule, Loiter) else "abandoned"
        self._owners = rule.owners if isinstance(rule, Abandoned) else ()
        self._after = tuple(int(s * SECOND_NS) for s in rule.after_s)
        self._hold_ns = int(rule.hold_s * SECOND_NS)
        self._scenes: dict[int, _Scene] = {}
        self.timed, self.due_ns = True, FAR
        self.beside: tuple[str, ...] = ()

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:
        """Return the detections of the events and of the clock."""
        found: list[RuleDetection] = []
        clock, rows = view.clock, () if part is None else part.rows.tolist()
        states = () if part is None else part.states.tolist()
        older = () if part is None else part.older.tolist()
        for row, state, old in zip(rows, states, older, strict=True):
            found += self._advance(view, int(clock[row]))
            found += self._event(view, row, state, old=old)
            found += self._advance(view, int(clock[row]), at=row)
        found += self._advance(view, int(clock[-1]))
        return found

    def sync(self, fleet: Fleet) -> None:
        """Do nothing: the facts of a sensor are read with its event."""

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (LAYOUT, self.rule, self._calendar.inputs() if isinstance(self.rule, Loiter) else ())

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        return {
            "due": self.due_ns,
            "scenes": [
                [state, list(map(list, one.tracks.items())), list(map(list, one.owners.items())), one.alone_ns,
                 one.step, one.track, one.first_ns, one.last_ns]
                for state, one in sorted(self._scenes.items())
            ],
        }  # fmt: skip

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore the state of a snapshot."""
        self.due_ns = state["due"]
        self._scenes = {
            key: _Scene(dict(tracks), dict(owners), *rest) for key, tracks, owners, *rest in state["scenes"]
        }

    def _event(self, view: BatchView, row: int, state: int, *, old: bool) -> Iterator[RuleDetection]:
        dims = view.batch.attributes.get(row)
        label = label_of(dims)
        if dims is None or not (label in self.rule.labels or label in self._owners):
            return
        sensor = view.fleet[int(view.batch.sensor[row])]
        time_ns, over = int(view.batch.time_ns[row]), ended(dims, float(view.batch.value[row]))
        if (over and old) or not applies(self.rule, sensor):
            return
        begins = not over and label not in self._owners
        if begins and (score_of(dims) < self.rule.score_min or not zoned(self.rule, dims, sensor.profile)):
            return
        clock_ns, begin = int(view.clock[row]), state - state % TIMELINES
        same = range(begin, begin + TIMELINES) if over and state % TIMELINES == LIVE else (state,)
        for each in same:  # a live end also ends the late and the drill timeline
            if over and each not in self._scenes:
                continue
            scene = self._scenes.setdefault(each, _Scene())
            delayed = each % TIMELINES == LATE or clock_ns - time_ns > DELAYED_NS
            counted_ns = clock_ns if delayed else time_ns
            if label in self._owners:
                self._owner(scene, track_of(dims), counted_ns, over=over)
            elif over:
                self._forget(scene, track_of(dims), time_ns)
            else:
                self._confirm(scene, track_of(dims), time_ns, counted_ns)
            yield from self._step(row, each, max(time_ns, scene.last_ns))
            self._keep(each, scene)

    def _owner(self, scene: _Scene, track: str, time_ns: int, *, over: bool) -> None:
        if not over:
            scene.owners.pop(track, None)
            scene.owners[track] = time_ns
            if len(scene.owners) > OWNERS_KEPT:
                self._drop(scene, time_ns)
            _bound(scene.owners)
        elif track:
            scene.owners.pop(track, None)
        else:
            scene.owners.clear()
        scene.alone_ns = max(scene.alone_ns, time_ns)

    def _confirm(self, scene: _Scene, track: str, time_ns: int, counted_ns: int) -> None:
        if not scene.tracks and not scene.step:
            self._drop(scene, counted_ns)
        begin_ns, last_ns, base_ns, _ = scene.tracks.pop(track, (time_ns, time_ns, counted_ns, counted_ns))
        scene.tracks[track] = [min(begin_ns, time_ns), max(last_ns, time_ns), base_ns, counted_ns]
        scene.last_ns = max(scene.last_ns, time_ns)
        _bound(scene.tracks)

    def _forget(self, scene: _Scene, track: str, time_ns: int) -> None:
        """Remove a track, or all without an id; its last message still counts towards its time."""
        gone = [track] if track else list(scene.tracks)
        for one in gone:
            scene.tracks.pop(one, None)
        if gone:
            scene.last_ns = max(scene.last_ns, time_ns)

    def _keep(self, state: int, scene: _Scene) -> None:
        if scene.idle():
            self._scenes.pop(state, None)
        else:
            self.due_ns = min(self.due_ns, self._due(state, scene))

    def _due(self, state: int, scene: _Scene) -> int:
        """Return the next time at which the clock changes a scene; owners alone change nothing."""
        if not scene.tracks:
            return FAR
        times = [held_ns + self._hold_ns for *_, held_ns in scene.tracks.values()]
        times += [seen_ns + self._hold_ns for seen_ns in scene.owners.values()]
        if scene.step < len(self._after) and state % TIMELINES != LATE and not scene.owners:
            times += [
                self._since(scene, base_ns) + self._after[scene.step] for _, _, base_ns, _ in scene.tracks.values()
            ]
        return min(times, default=FAR)

    @staticmethod
    def _since(scene: _Scene, begin_ns: int) -> int:
        return max(begin_ns, scene.alone_ns)

    def _advance(self, view: BatchView, until_ns: int, *, at: int | None = None) -> list[RuleDetection]:
        """Apply holds and durations that end by a time: at the given row, else at the first one that reaches them."""
        found: list[RuleDetection] = []
        while self.due_ns <= until_ns:
            due_ns = self.due_ns
            row = int(np.searchsorted(view.clock, due_ns)) if at is None else at
            for state in sorted(key for key, one in self._scenes.items() if self._due(key, one) <= due_ns):
                scene = self._scenes[state]
                found += self._step(row, state, due_ns)
                self._drop(scene, due_ns)
                found += self._step(row, state, due_ns)
                if self._due(state, scene) <= due_ns:  # the school is open: count anew from now
                    scene.alone_ns = max(scene.alone_ns, due_ns + SECOND_NS)
                self._keep(state, scene)
            self.due_ns = min((self._due(state, scene) for state, scene in self._scenes.items()), default=FAR)
        return found

    def _drop(self, scene: _Scene, now_ns: int) -> None:
        for track in [key for key, (*_, held_ns) in scene.tracks.items() if held_ns + self._hold_ns <= now_ns]:
            del scene.tracks[track]
        for track in [key for key, seen_ns in scene.owners.items() if seen_ns + self._hold_ns <= now_ns]:
            scene.alone_ns = max(scene.alone_ns, scene.owners.pop(track))

    def _step(self, row: int, state: int, now_ns: int) -> Iterator[RuleDetection]:
        """Yield the raised levels, or the clear, of a scene at a time."""
        scene = self._scenes.get(state)
        if scene is None:
            return
        if scene.step and not scene.tracks:
            yield self._detection(row, state, Phase.CLEAR, scene)
            scene.step = 0
            return
        while scene.step < len(self._after) and not scene.owners:
            lasting = [
                (self._since(scene, begin_ns), key)
                for key, (begin_ns, *_) in scene.tracks.items()
                if now_ns - self._since(scene, begin_ns) >= self._after[scene.step]
            ]
            if not lasting or (isinstance(self.rule, Loiter) and self.rule.closed and not self._closed(now_ns)):
                return
            phase = Phase.CHANGE if scene.step else Phase.RAISE
            if not scene.step:
                scene.first_ns, scene.track = min(lasting)
            scene.last_ns = max(scene.last_ns, scene.first_ns)
            scene.step += 1
            yield self._detection(row, state, phase, scene)

    def _closed(self, now_ns: int) -> bool:
        return bool(self._calendar.closed(np.array([now_ns], np.int64))[0])

    def _detection(self, row: int, state: int, phase: Phase, scene: _Scene) -> RuleDetection:
        step = scene.step - 1
        return RuleDetection(
            row, self._table.codes[state // TIMELINES], self._table.metric_codes[0], state % TIMELINES, phase,
            self.rule.levels[step], scene.first_ns, scene.last_ns, self.rule, self._kind,
            value=0.0 if phase is Phase.CLEAR else 1.0, limit=1.0, window_s=self.rule.after_s[step],
            clear_s=self.rule.hold_s, dims={"track": scene.track} if scene.track else {},
            text=_OVER if phase is Phase.CLEAR else self._raised(step), clears=_CLEARS,
        )  # fmt: skip

    def _raised(self, step: int) -> tuple[str, str]:
        zh, en = span(self.rule.after_s[step])
        if isinstance(self.rule, Loiter):
            return f"有人在此逗留超过 {zh}", f"A person has stayed here for more than {en}"
        return f"无人看管的物品已停留 {zh}", f"An object has been without its owner for {en}"


def _bound(present: dict[str, Any]) -> None:
    if len(present) > TRACKS_MAX:
        del present[next(iter(present))]
