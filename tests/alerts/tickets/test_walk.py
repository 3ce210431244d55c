"""Random walk over the closed loop: an independent model accepts and rejects the same steps."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import func, select

from alerts import Actor, AlertError, GuardFailed, Invalid, Page, format_time
from alerts.dangers.photos import Sent
from alerts.database.schema import tickets
from alerts.tickets.intake import Found
from detectors import Phase

HOUR_NS = 3_600_000_000_000
OPEN = ("found", "registered", "graded", "assigned", "taken", "rectifying", "submitted", "in_review", "observing")
WORK = ("assigned", "taken", "rectifying")
FIVE = ("responsibility", "measures", "funds", "time_limit", "contingency_plan")
TABLE: dict[str, tuple[tuple[str, ...], str]] = {
    "register": (("found",), "registered"),
    "grade": (("registered",), "graded"),
    "assign": (("graded", *WORK), "assigned"),
    "declare_major": (("graded", *WORK), "graded"),
    "dismiss_candidate": (("found", "registered", "graded", *WORK), "="),
    "fulfil": (("graded",), "graded"),
    "report": (("graded", *WORK, "submitted", "in_review"), "="),
    "take": (("assigned",), "taken"),
    "start": (("taken",), "rectifying"),
    "transfer": (WORK, "assigned"),
    "request_extension": (WORK, "="),
    "submit": (("rectifying",), "submitted"),
    "review": (("submitted",), "in_review"),
    "accept": (("submitted", "in_review"), "observing"),
    "reject": (("submitted", "in_review"), "rectifying"),
    "close": (("observing",), "closed"),
    "mark_false": (("found", "registered", "graded", "assigned", "taken"), "false_report"),
    "merge": (("found", "registered", "graded", *WORK), "merged"),
    "pause": (WORK, "="),
    "resume": (WORK, "="),
    "reopen": (("observing", "closed", "false_report"), "graded"),
    "extend": (WORK, "="),
    "countersign": (("found", "registered", "graded", *WORK), "="),
    "decline": (("found", "registered", "graded", *WORK), "="),
    "supervise": (("graded", *WORK, "submitted", "in_review"), "="),
    "answer": (("graded", *WORK, "submitted", "in_review", "observing", "closed"), "="),
    "return_answer": (("graded", *WORK, "submitted", "in_review", "observing", "closed"), "="),
    "lift": (("closed", "false_report", "merged"), "="),
    "comment": ((*OPEN, "closed", "false_report", "merged"), "="),
}
"""The closed loop as the domain has it: action -> states of origin, next state ("=": the same)."""
BUREAU = ("supervise", "return_answer", "lift")
BY_ROLE = {
    "fixer": {"take", "start", "submit", "transfer", "request_extension", "comment"},
    "officer": set(TABLE) - {"take", "start", "submit", "transfer", "request_extension", *BUREAU},
    "district": {"extend", *BUREAU, "countersign", "decline", "comment"},
    "viewer": set(),
    "operator": {"comment"},
}
ROLE = {"officer": "officer", "officer2": "officer", "fixer": "fixer", "fixer2": "fixer", "district": "district",
        "viewer": "viewer", "operator": "operator"}  # fmt: skip
PERSON = {"fixer2": "wang", "officer2": "wang"}
"""The second fixer and the second officer are accounts of one person."""
NOTED = (
    "dismiss_candidate",
    "reject",
    "mark_false",
    "reopen",
    "decline",
    "comment",
    "supervise",
    "answer",
    "return_answer",
    "lift",
)
PLACES = ("d-101", "d-102", "bank")
ADMIN = Actor("a", frozenset(("admin",)))
NEWEST = 12
"""Tickets among which a step chooses; older ones are at rest, so a long walk costs the same per step."""


class Walk:
    """A school, a random choice of steps and the model of the tickets."""

    def __init__(self, world: Any, seen: Any, seed: int) -> None:
        self.world, self.seen, self.random = world, seen, random.Random(seed)  # noqa: S311 - a walk from a seed
        self.at_s = 0.0
        self.photo = 0
        self.done: Counter[str] = Counter()
        for name in ("fixer", "fixer2", "officer", "officer2"):
            world.employ(name, **({"person": PERSON[name]} if name in PERSON else {}))

    def step(self) -> None:
        """Take one random step."""
        kind = self.random.choices(("act", "detect", "find", "wait", "photo"), (80, 5, 4, 10, 3))[0]
        {"act": self.act, "detect": self.detect, "find": self.find, "wait": self.wait, "photo": self.add_photo}[kind]()

    def fields(self, action: str, ticket: Any) -> dict[str, Any]:
        """Return fields of an action, some of them wrong or missing."""
        pick, now_ns = self.random.choice, self.world.now_ns
        later = format_time(max(now_ns, ticket.due_ns) + pick((-1, 5, 50)) * HOUR_NS)
        notes = {"note": pick(("seen on site", "seen on site", "-", ""))}
        return {
            "assign": {"fixer": pick(("fixer", "fixer2", "nobody"))},
            "transfer": notes | {"fixer": pick(("fixer", "fixer2"))},
            "fulfil": {name: "statement" for name in FIVE if self.random.random() < 0.7},
            "report": notes | {"audience": pick(("regulator", "assembly")), "at": format_time(now_ns - HOUR_NS)},
            "grade": {"grade": pick(("red", "yellow", "blue"))},
            "extend": notes | {"due": later},
            "request_extension": notes | {"due": later},
            "pause": notes | {"until": format_time(now_ns + pick((5, 50)) * HOUR_NS)},
            "close": notes | {"reason": "repaired", "override": pick((True, False))},
            "merge": {"into": pick(self.tickets()).number},
            "declare_major": notes,
            **dict.fromkeys(NOTED, notes),
            "supervise": notes | ({"due": later} if self.random.random() < 0.5 else {}),
        }.get(action, {})  # fmt: skip

    def tickets(self, limit: int = NEWEST) -> list[Any]:
        """Return the newest tickets."""
        return self.world.dispatch.queries.tickets(ADMIN, site=None, state=None, grade=None, page=Page(limit))

    def count(self) -> int:
        """Return the number of all tickets."""
        with self.world.engine.connect() as connection:
            return int(connection.scalar(select(func.count()).select_from(tickets)) or 0)

    def act(self) -> None:
        """Apply a random action of a random person and compare the result with the model."""
        found = self.tickets()
        if not found:
            return
        before = self.random.choice(found)
        likely = [name for name, (origins, _) in TABLE.items() if before.state in origins]
        action = self.random.choice(likely if self.random.random() < 0.85 else [*TABLE])
        likely_people = [name for name, role in ROLE.items() if action in BY_ROLE[role]]
        who = self.random.choice(likely_people if self.random.random() < 0.85 else [*ROLE])
        try:
            after = self.world.act(before, action, who, **self.fields(action, before))
        except AlertError as error:
            if isinstance(error, GuardFailed) and error.guard == "state":
                assert before.state not in TABLE[action][0], (before.state, action)
            assert self.world.dispatch.queries.ticket(before.id, ADMIN) == before, (action, who)
            self.done["rejected"] += 1
            return
        self.done[action] += 1
        self.agree(before, after, action, who)

    def agree(self, before: Any, after: Any, action: str, who: str) -> None:
        """Compare an applied action with the model."""
        assert action in BY_ROLE[ROLE[who]], (action, who)
        assert before.state in TABLE[action][0], (before.state, action)
        assert after.version == before.version + 1
        if action == "countersign":
            assert PERSON.get(before.proposal.by, before.proposal.by) != PERSON.get(who, who)
            action = before.proposal.action
        elif after.proposal and (after.proposal.action, after.proposal.by, after.proposal.at_ns) == (
            action,
            who,
            self.world.now_ns,
        ):
            assert (after.state, after.due_ns) == (before.state, before.due_ns)
            return
        target = TABLE[action][1]
        assert after.state == (before.state if target == "=" else target)
        if action in {"review", "accept", "reject", "close", "mark_false", "merge"}:
            assert PERSON.get(who, who) not in {PERSON.get(one, one) for one in before.fixers}
        order, former = after.supervision.get("state"), before.supervision.get("state")
        if action in {"answer", "return_answer", "lift"}:
            assert former == "answered" if action == "return_answer" else former in {"open", "answered"}
        assert order == {"supervise": "open", "answer": "answered", "return_answer": "open", "lift": "lifted"}.get(
            action, former
        )
        if before.major and before.supervised and action not in {"extend", "request_extension"}:
            assert after.due_ns <= before.due_ns, action
        if action == "accept":
            assert not before.major or set(before.reported) == {"regulator", "assembly"}
        if action == "transfer":
            assert PERSON.get(after.fixer, after.fixer) not in {PERSON.get(one, one) for one in before.fixers}

    def detect(self) -> None:
        """Apply a detection of a smoke head or gauge."""
        self.at_s = max(self.at_s + 1, (self.world.now_ns - 1_790_000_000 * 10**9) / 1e9)
        sensor = self.random.choice(("smoke-101", "smoke-102", "level-1"))
        hazard, rule = ("flood", "level") if sensor == "level-1" else ("fire", "smoke-limit")
        phase = self.random.choice((Phase.RAISE, Phase.CLEAR))
        self.world.feed(self.seen(phase, sensor=sensor, hazard=hazard, rule=rule, at_s=self.at_s)
        )  # fmt: skip

    def find(self) -> None:
        """Add a danger of a person or of the public."""
        place, kind = self.random.choice(PLACES), self.random.choice(("exit_blocked", "building", "fire", "leak"))
        before = self.count()
        if self.random.random() < 0.5:
            self.world.dispatch.intake.limits.__init__()
            kind = "leak" if kind == "fire" else kind  # an alarm of a sensor is no kind for the public
            self.world.dispatch.intake.report("school-1", place, kind, "seen", address="192.0.2.1")
        else:
            officer = Actor("officer", frozenset(("officer",)))
            self.world.dispatch.intake.find(officer, Found("school-1", place, kind, "patrol", "seen"))
        assert self.count() - before in {0, 1}

    def add_photo(self) -> None:
        """Add a photo of a repair, as the database has it: the encoding has tests of its own."""
        if found := self.tickets():
            self.photo += 1
            danger = self.random.choice(found).danger
            with suppress(Invalid):  # 30 photos of one danger in 30 days
                self.world.photograph(danger, Sent(str(self.photo).encode(), "fixed", self.world.now_ns))

    def wait(self) -> None:
        """Let time pass."""
        self.world.now_ns += self.random.choice((1, 1, 10, 80)) * HOUR_NS
        self.world.dispatch.tick(self.world.now_ns)

    def hold(self, limit: int = 8 * NEWEST) -> None:
        """Check the invariants of the newest tickets."""
        found = self.tickets(limit)
        assert len({one.danger for one in found}) == len(found)
        for one in found:
            before_work = one.state in {"found", "registered", "graded", "false_report", "merged"}
            assert not one.major or one.fulfilled or before_work, one
            assert one.fulfilled == (set(FIVE) <= set(one.fulfilment))
            assert one.paused_ns is None or not (one.kind in {"fire", "flood", "exit_blocked"} or one.major), one
            assert (one.closed_ns is not None) == (one.state in {"closed", "false_report", "merged"}), one


@pytest.mark.parametrize("seed", [1])
def test_a_random_walk_follows_the_model(world: Any, seen: Any, request: pytest.FixtureRequest, seed: int) -> None:
    """Each step that the service applies is one of the model; a rejected one changes nothing.

    The journal explains each row. `--walk-steps` sets the number of steps.
    """
    steps = int(request.config.getoption("--walk-steps"))
    walk = Walk(world, seen, seed)
    for number in range(steps):
        walk.step()
        if number % 25 == 0:
            walk.hold()
    walk.hold(walk.count())
    assert world.dispatch.verify().ok
    assert walk.done["rejected"] < sum(walk.done.values()), walk.done
