"""Records of an escalation: round and step, waiting messages, confirmations, acknowledgements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from alerts.model import identity
from alerts.risk.grading import Grade

SECOND_NS = 1_000_000_000
CONFIRM_NS = 100 * SECOND_NS
"""Time after which a message without a confirmed delivery moves on."""
EMPTY_ROUND_NS = 60 * SECOND_NS
"""Length of a round that reaches nobody."""
WARN_NS = 300 * SECOND_NS
"""Time before the end of an acknowledgement at which its holder is warned."""
HOLD_NS: Mapping[Grade, int] = {
    Grade.RED: 1_800 * SECOND_NS,
    Grade.ORANGE: 7_200 * SECOND_NS,
    Grade.YELLOW: 14_400 * SECOND_NS,
}
"""Time for which an acknowledgement of a grade is valid."""
State = Literal["running", "taken", "ended"]
Way = Literal["console", "link", "sms", "key"]
RUNNING: Final = "running"
TAKEN: Final = "taken"
ENDED: Final = "ended"


@dataclass(frozen=True, slots=True)
class Send:
    """One message that waits. due_ns: on the clock of escalations; step: from 0."""

    due_ns: int
    round: int
    step: int
    medium: str
    channel: str
    address: str
    persons: tuple[str, ...]

    def notice_id(self, cause: str) -> str:
        """Return the id of its notice, the same from the database and from memory."""
        return f"msg_{identity(cause, 'step', self.round, self.step, self.channel, self.address)}"


@dataclass(frozen=True, slots=True)
class Check:
    """Confirmation of one notice that is open until `due_ns`."""

    due_ns: int
    notice: str
    step: int
    persons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Acknowledgement of the alarm by a person, or a record that the person has seen it.

    by: user name; person: id in the roster, "" for others. via: console, link, sms or key;
    notice: id of the message that it answers, "" in the console.
    """

    by: str
    person: str
    name: Mapping[str, str]
    via: Way
    notice: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Escalation:
    """State of the escalation of one hazard. Times in ns on the clock of escalations, except `since_ns`.

    since_ns: start of the alarm, which links and replies name. cause: of the page, from which ids derive; kind: type of
    its notices. first_round: since the last acknowledgement. step: the next one to begin, at `step_ns`. reached:
    whether a step of this round had a message. paged: persons of all rounds. needed: acknowledgements until it is
    taken; 0: of everybody paged. confirm_ns: time until which a taken alarm awaits `confirmed`, 0 without one.
    """

    hazard: str
    site: str
    chain: str
    grade: Grade
    cause: str
    kind: str
    since_ns: int
    state: State
    code: str
    step_ns: int
    needed: int
    round: int = 0
    first_round: int = 0
    step: int = 0
    reached: bool = False
    waiting: tuple[Send, ...] = ()
    checks: tuple[Check, ...] = ()
    paged: tuple[str, ...] = ()
    acknowledged: tuple[Acknowledgement, ...] = ()
    seen: tuple[Acknowledgement, ...] = ()
    expires_ns: int = 0
    warned: bool = False
    confirm_ns: int = 0
    confirmed: bool = False
    version: int = 0

    @property
    def due_ns(self) -> int:
        """Return the time of the next change without an event."""
        if self.state == TAKEN:
            ends_ns = self.expires_ns if self.warned else self.expires_ns - WARN_NS
            return min(ends_ns, self.confirm_ns) if self.confirm_ns else ends_ns
        sends, checks = (one.due_ns for one in self.waiting), (one.due_ns for one in self.checks)
        return min((self.step_ns, *sends, *checks))

    @property
    def takers(self) -> tuple[str, ...]:
        """Return the user names of those who acknowledged, each once."""
        return tuple(dict.fromkeys(one.by for one in self.acknowledged))

    @property
    def complete(self) -> bool:
        """Return whether enough persons have acknowledged."""
        if self.needed:
            return len(self.takers) >= self.needed
        persons = {one.person for one in self.acknowledged}
        return bool(self.acknowledged) and set(self.paged) <= persons

    def with_changes(self, **changes: Any) -> Escalation:
        """Return the escalation with these changes and the next version."""
        return replace(self, version=self.version + 1, **changes)


def to_body(one: Escalation) -> dict[str, Any]:
    """Return the escalation as JSON values."""
    return asdict(one) | {"grade": int(one.grade)}


def from_body(body: Mapping[str, Any]) -> Escalation:
    """Return the escalation of JSON values."""
    lists: dict[str, Any] = {
        "waiting": tuple(Send(**(one | {"persons": tuple(one["persons"])})) for one in body["waiting"]),
        "checks": tuple(Check(**(one | {"persons": tuple(one["persons"])})) for one in body["checks"]),
        "paged": tuple(body["paged"]),
        "acknowledged": tuple(Acknowledgement(**one) for one in body["acknowledged"]),
        "seen": tuple(Acknowledgement(**one) for one in body["seen"]),
    }
    return Escalation(**(dict(body) | lists | {"grade": Grade(body["grade"])}))
