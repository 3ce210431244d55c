"""A school with a roster, recording channels and clocks of its own for escalations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from alerts import Actor, AlertDispatch, Notice, Outbox
from alerts.escalations.assembly import EscalationParts
from alerts.escalations.escalator import Escalator
from alerts.notices.outbox import OTHERS
from detectors import Phase
from tests.alerts.sinks import Sink

SECOND_NS = 1_000_000_000
ADMIN = Actor("admin", frozenset(("admin",)))
ROSTER: dict[str, Any] = {
    "person": [
        {"id": "li", "name_zh": "李", "name_en": "Li", "contacts": {"app": "robot", "sms": "+8613800000001"}},
        {"id": "wang", "name_en": "Wang", "account": "officer", "contacts": {"sms": "+8613800000002"}},
        {"id": "zhao", "name_en": "Zhao", "contacts": {"sms": "13800000003", "voice": "13800000003"}},
    ],
    "post": [{"id": "dorm", "name_en": "Dormitory", "deputies": ["zhao"]}],
    "shift": [{"post": "dorm", "begin": "00:00", "end": "00:00", "persons": ["li"]}],
    "chain": [
        {
            "id": "fire",
            "kinds": ["fire"],
            "steps": [
                {"wait_s": 60, "posts": ["dorm"]},
                {"wait_s": 60, "persons": ["wang"]},
                {"wait_s": 60, "deputies": ["dorm"]},
            ],
        }
    ],
}


@dataclass
class Line(Sink):
    """A channel to the addresses of persons."""

    medium: str = ""


@dataclass
class Night:
    """A running escalation on virtual clocks: wall clock, monotonic clock and boot of the machine."""

    world: Any
    mono_ns: int = 5_000 * SECOND_NS
    boot: str = "one"
    memory: list[Notice] = field(default_factory=list)
    dispatch: AlertDispatch = field(init=False)
    escalator: Escalator = field(init=False)
    outbox: Outbox = field(init=False)

    def __post_init__(self) -> None:
        self.open()
        self.dispatch.escalating.rosters.put(ADMIN, "school-1", ROSTER, version=None)

    @property
    def channels(self) -> Sequence[Any]:
        """Return the channels."""
        found: Sequence[Any] = self.world.channels
        return found

    def open(self) -> None:
        """Open the service on the database, as after a restart."""
        world = self.world
        parts = EscalationParts.of(
            world.engine,
            world.registry,
            lambda: world.now_ns,
            world.channels,
            link_url="https://alarm.school.example/",
            monotonic_ns=lambda: self.mono_ns,
            boot=self.boot,
        )
        self.dispatch = world.dispatch = AlertDispatch(
            world.engine, world.registry, lambda: world.now_ns, channels=world.channels, escalating=parts
        )
        self.escalator = parts.worker(commits=None, memory=self.memory.extend)
        self.outbox = Outbox(
            world.engine, world.channels, lambda: world.now_ns, completed=parts.acknowledgements.links.completed
        )

    def burn(self, seen: Any, **options: Any) -> str:
        """Raise a fire; return its hazard."""
        self.world.feed(seen(Phase.RAISE, **options))
        found: str = self.world.hazards[-1].id
        return found

    def pass_s(self, seconds: float, *, every_s: float = 1.0, deliver: bool = True) -> None:
        """Let time pass on both clocks, with a turn of escalator and outbox each."""
        left = seconds
        self.turn(deliver=deliver)
        while left > 0:
            self.skip_s(min(every_s, left))
            left -= every_s
            self.turn(deliver=deliver)

    def skip_s(self, seconds: float) -> None:
        """Let time pass without a turn, as while the service is down."""
        self.mono_ns += int(seconds * SECOND_NS)
        self.world.now_ns += int(seconds * SECOND_NS)

    def turn(self, *, deliver: bool = True) -> None:
        """Run one turn of the escalator and of each channel."""
        self.escalator.turn()
        if deliver:
            for name in (*(one.name for one in self.channels), OTHERS):
                self.outbox.deliver_due(self.world.now_ns, name)

    def got(self, name: str, kind: str = "hazard.opened") -> list[Notice]:
        """Return the notices of a type that a channel has delivered."""
        (line,) = [one for one in self.channels if one.name == name]
        return [notice for notice in line.got if notice.type == kind]

    def paged(self, kind: str = "hazard.opened") -> list[tuple[str, str]]:
        """Return (channel, address) of the delivered pages, in order of channels."""
        return [
            (one.name, notice.body["to"]["address"]) for one in self.channels for notice in self.got(one.name, kind)
        ]


@pytest.fixture
def make_night(make_world: Any) -> Callable[[], Night]:
    """Return a maker of schools with a roster."""

    def make() -> Night:
        return Night(make_world(channels=(Sink("robot"), Line("sms", medium="sms"), Line("voice", medium="voice"))))

    make.finish = make_world.finish  # type: ignore[attr-defined]
    return make


@pytest.fixture
def night(make_night: Callable[[], Night]) -> Night:
    """Return a school with a roster and no alarm."""
    return make_night()
