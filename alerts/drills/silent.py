"""Silent drills: the chain of an alarm with the present roster and the records of a past night."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from alerts.errors import Invalid
from alerts.escalations.model import RUNNING, Escalation
from alerts.escalations.pager import UNCOMPUTED, Router
from alerts.risk.causes import causes
from alerts.risk.grading import Grade
from alerts.risk.registry import Registry
from alerts.rosters.duty import Duty
from alerts.rosters.model import Chain, ChainStep
from alerts.rosters.reach import Message

from .drill import SECOND_NS, Scene
from .recorded import answers, deliveries
from .rehearsal import Run, rehearse

PAST_NS = 30 * 86_400 * SECOND_NS
"""Age of the oldest night."""


class SilentDrills:
    """Computes the course of silent drills. It writes nothing."""

    def __init__(self, registry: Registry, router: Router) -> None:
        self._registry, self._router = registry, router

    def run(self, connection: Connection, scene: Scene, *, level: int, as_of_ns: int, now_ns: int) -> Run:
        """Return the course of an alarm of this level at a past time. Raises Invalid."""
        if not now_ns - PAST_NS <= as_of_ns <= now_ns:
            allowed = {"as_of": "a time within the past 30 days"}
            raise Invalid(allowed, zh={"as_of": "须为过去 30 天内的时间"})
        duty = self._router.duty(connection, scene.site)
        if duty is None:
            raise Invalid({"site": "a site with a roster"}, zh={"site": "本校须先有排班表"})
        grade = self._registry.method(scene.site).live(level, severity=causes()[scene.kind].severity).grade
        kinds = (scene.kind, causes()[scene.kind].name)
        chain = duty.roster.chain(grade=grade, kinds=kinds, zone=scene.zone) or _everybody(duty)

        def reached(step: int, after_s: float) -> Sequence[Message]:
            at_ns = as_of_ns + int(after_s * SECOND_NS)
            return self._messages(duty, chain, step, grade, at_ns)

        accounts = {one.account: one.id for one in duty.roster.persons.values() if one.account}
        known = deliveries(connection, scene.site, sorted(self._channels(duty)), as_of_ns)
        return rehearse(
            begun(scene, chain, grade), chain, reached, known, answers(connection, scene.site, accounts, as_of_ns)
        )

    def _messages(self, duty: Duty, chain: Chain, step: int, grade: Grade, at_ns: int) -> Sequence[Message]:
        try:
            members = duty.members(chain.steps[step], at_ns)
        except UNCOMPUTED:
            return ()
        return self._router.reach.messages(members, duty.roster.order(grade))

    def _channels(self, duty: Duty) -> set[str]:
        contacts = (pair for one in duty.roster.persons.values() for pair in one.contacts.items())
        found = (self._router.reach.contact(value, medium) for medium, value in contacts)
        return {one[0] for one in found if one is not None}


def _everybody(duty: Duty) -> Chain:
    """Return the chain of an alarm without one: everybody on duty at once, and once."""
    return Chain(duty.roster.site, "", (ChainStep(posts=tuple(duty.roster.posts)),), rounds=1)


def begun(scene: Scene, chain: Chain, grade: Grade) -> Escalation:
    """Return an escalation at its start, at time 0."""
    return Escalation(
        hazard="",
        site=scene.site,
        chain=chain.id,
        grade=grade,
        cause="silent",
        kind="hazard.opened",
        since_ns=0,
        state=RUNNING,
        code="",
        step_ns=0,
        needed=chain.acknowledgements,
    )
