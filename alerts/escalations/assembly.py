"""Assembly of rosters and escalations over one database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine

from alerts.database.commits import Commits
from alerts.model import Hazard, Notice
from alerts.notices.channels.contract import Channel
from alerts.notices.followers import Followers
from alerts.people.access import Actor
from alerts.risk.registry import Registry
from alerts.rosters.reach import Reach
from alerts.rosters.store import Rosters
from detectors import Calendar

from .acknowledgements import Acknowledgements
from .clock import EscalationClock
from .duty_checks import DutyChecks
from .escalator import Escalator
from .links import Links
from .model import SECOND_NS, Acknowledgement
from .pager import Escalations, MemoryPager, Router
from .taking import CONSOLE, Taking
from .verification import ask

FAULT_ORDER = dict.fromkeys(("app", "sms", "voice", "email"), 0.0)


@dataclass(frozen=True, slots=True)
class EscalationParts:
    """Rosters, escalations and acknowledgements of one database. wall: ns since 1970 UTC."""

    engine: Engine
    registry: Registry
    wall: Callable[[], int]
    rosters: Rosters
    started: Escalations
    taking: Taking
    acknowledgements: Acknowledgements

    @classmethod
    def of(
        cls,
        engine: Engine,
        registry: Registry,
        wall: Callable[[], int],
        channels: Sequence[Channel],
        *,
        link_url: str = "",
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        boot: str | None = None,
    ) -> EscalationParts:
        """Return the parts. link_url: address of the console for phones; boot: id of the boot of monotonic_ns."""
        rosters = Rosters(engine, Calendar.from_table(registry.calendar), wall)
        router = Router(rosters, Reach(channels), wall)
        steps = EscalationClock(engine, monotonic_ns=monotonic_ns, boot=boot)
        programs = [channel.name for channel in channels if channel.for_programs]
        followers = Followers(channels, registry)
        taking = Taking(steps, wall, registry, programs=programs, followers=followers, confirm_s=router.confirm_s)
        links = Links(engine, link_url, wall)
        accepted = Acknowledgements(engine, router, taking, links, clocks=(wall, steps.now_ns))
        asked = partial(_ask, router, wall)
        return cls(engine, registry, wall, rosters, Escalations(router, steps, taking, asked), taking, accepted)

    def by_account(self, connection: Connection, actor: Actor, site: str) -> Acknowledgement:
        """Return the acknowledgement by an account in the console, as a person of the roster if it is one."""
        duty = self.started.router.duty(connection, site)
        person = None if duty is None else duty.roster.person_of(actor.username)
        name = {"zh": actor.username, "en": actor.username} if person is None else person.name
        return Acknowledgement(actor.username, person.id if person else "", name, CONSOLE, "", self.wall())

    def contacts(self) -> list[tuple[str, str, str]]:
        """Return channel, medium and address of everybody on duty now, by the rosters as last read.

        It reads no database: the fault may be that this one does not answer, or holds a damaged page.
        """
        router = self.started.router
        found = (one for duty in self.rosters.known() for one in router.on_duty(duty, FAULT_ORDER))
        return list(dict.fromkeys((one.channel, one.medium, one.address) for one in found))

    def worker(self, *, commits: Commits | None, memory: Callable[[Iterable[Notice]], object]) -> Escalator:
        """Return the worker that executes due steps. memory: sends notices that cannot be stored."""
        checks = DutyChecks(self.engine, self.started.router, self.wall, self.registry.timezone)
        return Escalator(
            self.engine,
            self.started,
            self.taking,
            self.registry,
            self.wall,
            checks=checks,
            commits=commits,
            memory=memory,
            monotonic=lambda: self.started.clock.now_ns() / SECOND_NS,
        )


def _ask(
    router: Router, wall: Callable[[], int], connection: Connection, hazard: Hazard, body: Mapping[str, Any]
) -> None:
    ask(connection, router, hazard, body, wall)


def memory_pager(
    engine: Engine, registry: Registry, wall: Callable[[], int], channels: Sequence[Channel]
) -> MemoryPager:
    """Return the pager of a copy of the database in memory."""
    rosters = Rosters(engine, Calendar.from_table(registry.calendar), wall)
    return MemoryPager(Router(rosters, Reach(channels), wall), wall)
