"""Live play of a world to a broker in its own thread: history first, then the wall clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from simulators.campus.school import Campus
from simulators.errors import SimulatorError
from simulators.play.player import Stamping, Wire, check_formats, chunks, play
from simulators.play.publisher import Publisher, PublishStats
from simulators.play.world import World, plan
from simulators.scenarios.scenario import Scenario

HISTORY_CHUNK_S = 30.0
QUIET_MS = 600_000
"""Quiet time before the first event of a scenario that is played live; the time before it is history."""


@dataclass(frozen=True, slots=True)
class _Setup:
    campus: Campus
    scenario: Scenario
    speed: float
    formats: str


class LivePlay:
    """The scenario, started shortly before its first event and repeated until `stop`; what is before is history.

    The history is sent as past data before the live part of the first round.

    url: mqtt://host:port. speed: speed of `clock_ms` (ms since 1970 UTC), also at the receiver. word: called with a
    sentence when the connection is lost or restored. `live` is set after the history. `error` holds the error that
    ended the play, if any. Each repetition has a new seed.
    """

    def __init__(
        self,
        campus: Campus,
        scenario: Scenario,
        url: str,
        *,
        speed: float = 1.0,
        clock_ms: Callable[[], float] = lambda: time.time() * 1000,
        formats: str = "native",
        word: Callable[[str], None] | None = None,
    ) -> None:
        self._setup = _Setup(campus, scenario, speed, formats)
        self._url, self._word, self._clock_ms = url, word, clock_ms
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)
        self.live = threading.Event()
        self.error: Exception | None = None
        self.stats = PublishStats()
        self.world: World = plan(scenario, campus)
        check_formats(formats, self.world)

    def start(self) -> None:
        """Start in the background; `error` reports a failed first connection."""
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> PublishStats:
        """End the play and return its counts."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return self.stats

    def _run(self) -> None:
        try:
            publisher = Publisher(self._url, word=self._word, stop=self._stop)
        except SimulatorError as error:
            self.error = error
            return
        self.stats = publisher.stats
        try:
            self._rounds(publisher)
        except (SimulatorError, ValueError, OSError) as error:
            self.error = error
        finally:
            publisher.close()

    def _rounds(self, publisher: Publisher) -> None:
        """Play the scenario repeatedly; only the first round sends its history."""
        setup = self._setup
        for round_ in range(1_000_000):
            if self._stop.is_set():
                return
            now_ms = round(self._clock_ms())
            campus = replace(setup.campus, seed=setup.campus.seed + round_)
            self.world = plan(setup.scenario, campus, start_ms=now_ms)
            if round_ == 0:
                self.world = plan(setup.scenario, campus, start_ms=now_ms - past_ms(self.world))
                self._history(publisher, now_ms)
            play(
                self.world, publisher, Stamping(now_ms, now_ms, 1.0, 0), formats=setup.formats, stop=self._stop,
                clock_ms=self._clock_ms, clock_speed=setup.speed,
            )  # fmt: skip

    def _history(self, publisher: Publisher, now_ms: int) -> None:
        wire = Wire(self.world, formats=self._setup.formats)
        for _, upto_ms in chunks((self.world.span_ms[0], now_ms), HISTORY_CHUNK_S):
            if self._stop.is_set():
                return
            publisher.publish([(message.topic, message.payload, message.retain) for message in wire.advance(upto_ms)])
        self.live.set()


def past_ms(world: World) -> int:
    """Return the time from the start of a world to QUIET_MS before its first event; 0 without an event."""
    first_ms = min((truth.onset_ms for truth in world.truths()), default=world.start_ms)
    return max(0, first_ms - QUIET_MS - world.start_ms)
