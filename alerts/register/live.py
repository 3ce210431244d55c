"""Live grading: rules over evidence, proposals, and grades that a person confirmed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, select

from alerts.database.schema import risk_points
from alerts.errors import GuardFailed, NotFound
from alerts.hazards.provisional import (
    CONFIRM,
    GRADE_DECIDED,
    Precursor,
    Provisional,
    precursors,
    provisional,
)
from alerts.model import Hazard
from alerts.people.access import SYSTEM, Actor, require
from alerts.risk.causes import causes
from alerts.risk.grading import COLOUR_ZH
from alerts.risk.live_rules import DAY_NS, live_rules
from alerts.risk.registry import RiskPoint
from alerts.training.records import Lapse
from alerts.training.training import Training

from .changes import Change, set_live
from .checks import (
    DEVICE_CAUSES,
    NO_PRECURSORS,
    TEST_OVERDUE,
    MeasureStatus,
    last_checks,
    lost_sensors,
    statuses,
)
from .evidence import Evidence, evidence
from .records import REMOVED, Entry, entry_of

SETTLE_EVERY_NS = 60_000_000_000
NAMES_MAX = 3


class LiveGrades:
    """Proposals and decisions on grades. Methods may be called from several threads."""

    def __init__(self, engine: Engine, clock: Callable[[], int], training: Training) -> None:
        self._engine, self._clock, self._training = engine, clock, training
        self._reading = engine.execution_options(writes=False)
        self._settled_ns = 0

    def proposals(self, entries: Sequence[Entry]) -> dict[str, Provisional]:
        """Return the proposed grade of each risk point that evidence raises, by subject."""
        with self._reading.connect() as connection:
            return proposed(entries, self._evidence(connection, entries, self._clock()))

    def statuses(self, entries: Sequence[Entry]) -> dict[str, list[MeasureStatus]]:
        """Return the states of the measures of risk points, by subject."""
        sites, now_ns = {entry.site for entry in entries}, self._clock()
        with self._reading.connect() as connection:
            checks, lost = last_checks(connection, sites), lost_sensors(connection, sites)
        return {
            entry.subject: statuses(entry, checks.get((entry.site, entry.id), {}), lost, now_ns) for entry in entries
        }

    def decide(self, actor: Actor, site: str, point: str, *, decision: str, colour: str, reason: str) -> Provisional:
        """Record the decision of a person on a proposal; a confirmed one counts at once.

        Raises NotFound, Forbidden, and GuardFailed unless the proposal has this colour.
        """
        require(actor, "decide_grade")
        with self._engine.begin() as connection:
            query = select(risk_points).where(risk_points.c.site == site, risk_points.c.id == point)
            row = connection.execute(query).mappings().first()
            if row is None or row["state"] == REMOVED or not actor.sees(site):
                raise NotFound("risk point", f"{site}/{point}")
            entry, now_ns = entry_of(row), self._clock()
            present = proposed([entry], self._evidence(connection, [entry], now_ns)).get(entry.subject)
            if present is None or present.grade.colour != colour:
                now = present.grade.colour if present else "none"
                raise GuardFailed(
                    "provisional_grade",
                    f"暂定等级已变为{COLOUR_ZH.get(now, '无')}，请求为{COLOUR_ZH.get(colour, colour)}",
                    f"the provisional grade is {now}; the request names {colour}",
                )
            facts: dict[str, Any] = {
                "decision": decision,
                "grade": colour,
                "hazards": list(present.hazards),
                "reason": reason,
            }
            facts |= {"likelihood": present.likelihood, "rules": [one.rule for one in present.precursors]}
            change = Change(connection, actor.username, now_ns)
            confirmed = decision == CONFIRM and entry.live is not None and present.grade < entry.live
            if confirmed:
                set_live(change, entry, present.grade, facts, kind=GRADE_DECIDED)
            else:
                change.note(GRADE_DECIDED, site, entry.subject, facts, [])
            return present

    def settle(self, connection: Connection, now_ns: int) -> int:
        """Lower confirmed grades whose evidence ended; return their number. It works once a minute."""
        if abs(now_ns - self._settled_ns) < SETTLE_EVERY_NS:
            return 0
        self._settled_ns = now_ns
        query = select(risk_points).where(risk_points.c.live < risk_points.c.existing)
        entries = [entry_of(row) for row in connection.execute(query).mappings()]
        if not entries:
            return 0
        found, lowered = proposed(entries, self._evidence(connection, entries, now_ns)), 0
        for entry in entries:
            raised = found.get(entry.subject)
            grade = (raised.confirmed if raised else None) or entry.existing
            if grade is not None and grade != entry.live:
                facts = {"grade": grade.colour, "reason": "evidence ended"}
                set_live(Change(connection, SYSTEM.username, now_ns), entry, grade, facts, kind="risk_point.lowered")
                lowered += 1
        return lowered

    def _evidence(self, connection: Connection, entries: Sequence[Entry], now_ns: int) -> Evidence:
        lapses = self._training.lapses(connection, {entry.site for entry in entries})
        return evidence(connection, entries, now_ns, lapses)


def proposed(entries: Iterable[Entry], found: Evidence) -> dict[str, Provisional]:
    """Return the proposed grades by subject; pure."""
    by_zone: dict[tuple[str, str], list[Hazard]] = {}
    for hazard in (*found.standing, *found.past):
        by_zone.setdefault((hazard.site, hazard.zone), []).append(hazard)
    done = {}
    for entry in entries:
        point = entry.point()
        if point is None:
            continue
        near = by_zone.get((point.site, point.zone), [])
        own = [one for one in near if raises(point, one) and causes()[one.kind].name not in NO_PRECURSORS]
        reasons = [
            *precursors([one for one in own if one.active], [one for one in own if _near_miss(one)]),
            *_further(entry, point, near, found),
        ]
        if raised := provisional(point, reasons, found.decisions.get(entry.subject)):
            done[entry.subject] = raised
    return done


def raises(point: RiskPoint, hazard: Hazard) -> bool:
    """Return whether a hazard is of the place and of the kind of a risk point, or of another kind of the same cause."""
    if not _at(point, hazard):
        return False
    cause = causes().get(point.hazard)
    return point.hazard in {"", hazard.kind} or (cause is not None and cause.name == hazard.cause)


def _at(point: RiskPoint, hazard: Hazard) -> bool:
    same = (hazard.site, hazard.zone) == (point.site, point.zone)
    return same and (not point.place or point.place in {hazard.place, *hazard.places})


def _near_miss(hazard: Hazard) -> bool:
    return not hazard.active and hazard.paged_grade == 0


def _further(entry: Entry, point: RiskPoint, near: Sequence[Hazard], found: Evidence) -> Iterator[Precursor]:
    """Yield the precursors that are no early findings: devices, checks, open dangers, unanswered pages."""
    rules, now_ns = live_rules(), found.now_ns
    blind = rules["blind_detector"]
    lost = [one for one in near if _at(point, one) and _blind(one, now_ns - blind.decay_ns)]
    if lost:
        names = "、".join(dict.fromkeys(one.place for one in lost[:NAMES_MAX]))
        until_ns = max((one.cleared_ns or now_ns) + blind.decay_ns for one in lost)
        ended = all(not one.active for one in lost)
        ids = tuple(one.id for one in lost)
        yield Precursor("blind_detector", ids, blind.text(names=names), until_ns if ended else None, blind.steps)
    states = statuses(entry, found.checks.get((entry.site, entry.id), {}), found.lost, now_ns)
    overdue = [one for one in near if one.active and one.kind == TEST_OVERDUE and _at(point, one)]
    content = entry.approved or entry.content
    named = {content.post, content.deputy} | {one.measure.post for one in states}
    lapsed = [one for one in found.lapses.get(entry.site, ()) if one.post in named]
    yield from _of_checks(
        [s for s in states if not (lost and s.measure.sensor)], overdue, lapsed
    )  # a cause counts once
    yield from _of_dangers(point, found)
    rule = rules["unanswered_pages"]
    since_ns = now_ns - rule.window_days * DAY_NS
    missed = [one for one in near if raises(point, one) and one.paged_grade and _unanswered(one, since_ns)]
    if len(missed) >= rule.count_min:
        until_ns = min(one.opened_ns for one in missed) + rule.window_days * DAY_NS
        ids = tuple(one.id for one in missed)
        yield Precursor("unanswered_pages", ids, rule.text(n=len(missed)), until_ns, rule.steps)


def _blind(hazard: Hazard, since_ns: int) -> bool:
    wanted = causes()[hazard.kind].name in DEVICE_CAUSES and hazard.kind != "battery_low"
    return wanted and (hazard.active or (hazard.cleared_ns or 0) >= since_ns)


def _unanswered(hazard: Hazard, since_ns: int) -> bool:
    return not hazard.active and hazard.acknowledged_by is None and hazard.opened_ns >= since_ns


def _of_checks(
    states: Sequence[MeasureStatus], tests: Sequence[Hazard], lapsed: Sequence[Lapse]
) -> Iterator[Precursor]:
    """Yield failed and overdue checks, and lapsed training of the posts of the point.

    tests: hazards of overdue tests of detectors, which count as overdue checks.
    """
    named = {
        "failed_check": [one for one in states if one.state == "failed"],
        "overdue_check": [one for one in states if one.state == "overdue" and one.measure.kind != "training"],
        "lapsed_training": [one for one in states if one.state == "overdue" and one.measure.kind == "training"],
    }
    for name, found in named.items():
        rule = live_rules()[name]
        names = [one.measure.text.both() for one in found]
        also = tests if name == "overdue_check" else ()
        names += [{"zh": one.text.get("zh", ""), "en": one.text.get("en", "")} for one in also]
        names += [one.text for one in lapsed] if name == "lapsed_training" else []
        if names:
            zh = "；".join(one["zh"] for one in names[:NAMES_MAX])
            en = "; ".join(one["en"] for one in names[:NAMES_MAX])
            text = {"zh": rule.text(names=zh)["zh"], "en": rule.text(names=en)["en"]}
            ids = tuple(one.id for one in also)
            yield Precursor(rule.name, ids, text, None, rule.steps, tuple(one.measure.id for one in found))


def _of_dangers(point: RiskPoint, found: Evidence) -> Iterator[Precursor]:
    """Yield open dangers at the point; the ticket of an open hazard counts as the hazard does."""
    rule, open_hazards = live_rules()["open_dangers"], {one.id for one in found.standing}
    mine = [
        one
        for one in found.dangers
        if (one.site, one.zone) == (point.site, point.zone)
        and (not point.place or one.place == point.place)
        and one.hazard not in open_hazards
    ]
    recent = [one for one in mine if one.closed_ns is None or one.closed_ns >= found.now_ns - rule.decay_ns]
    if len(recent) < rule.count_min:
        return
    ended = all(one.closed_ns is not None for one in recent)
    until_ns = max(one.closed_ns or 0 for one in recent) + rule.decay_ns if ended else None
    ids = tuple(one.id for one in recent)
    yield Precursor(rule.name, (), rule.text(n=len(recent)), until_ns, rule.steps, ids)
