"""Guards of the closed loop: conditions of an action besides state and role."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from alerts.dangers.kinds import DangerKind
from alerts.errors import Forbidden, GuardFailed, Invalid
from alerts.model import Ticket
from alerts.people.access import allowed
from alerts.risk.grading import Grade
from alerts.timestamps import format_time

from .case import Case
from .fields import has_content
from .supervising import ANSWERED, OPEN, order_state

FIVE = ("responsibility", "measures", "funds", "time_limit", "contingency_plan")
"""Items of five-fulfil."""
FIVE_ZH = dict(zip(FIVE, ("责任", "措施", "资金", "时限", "预案"), strict=True))
AUDIENCES = {"regulator": "主管部门", "assembly": "职工大会或职工代表大会"}


def _own(case: Case) -> None:
    """Allow only the assigned fixer."""
    if not case.same_person(case.ticket.fixer):
        raise Forbidden(
            "ticket_fixer", (f"the ticket is assigned to {case.ticket.fixer}", f"工单已派给 {case.ticket.fixer}")
        )


def _four_eyes(case: Case) -> None:
    """Reject a person who is the fixer or was the fixer before a transfer, under any account."""
    if any(case.same_person(fixer) for fixer in case.ticket.fixers):
        raise Forbidden(
            "ticket_officer",
            (
                "a person who rectified the danger may not review, accept or dismiss it",
                "整改人不能复核、验收或撤销自己整改的隐患",
            ),
        )


def _five_fulfil(case: Case) -> None:
    """Require the five items of five-fulfil for each action that leads a major danger to its rectification."""
    missing = [name for name in FIVE if name not in case.ticket.fulfilment]
    if case.ticket.major and missing:
        raise Invalid(
            dict.fromkeys(missing, "is required: a major danger needs it first (five-fulfil)"),
            zh={name: f"重大隐患须先落实{FIVE_ZH[name]}" for name in missing},
        )


def _double_report(case: Case) -> None:
    """Require both reports of a major danger before its rectification is accepted."""
    missing = [name for name in AUDIENCES if name not in case.ticket.reported]
    if case.ticket.major and missing:
        raise Invalid(
            dict.fromkeys(missing, "is required: a major danger is reported to it first (double report)"),
            zh={name: f"重大隐患须先向{AUDIENCES[name]}报告" for name in missing},
        )


def by_clock(kind: DangerKind, ticket: Ticket) -> bool:
    """Return whether the deadline of a ticket runs by the clock and never pauses."""
    return kind.life_safety or ticket.major or ticket.grade is Grade.RED


def _pausable(case: Case) -> None:
    """Reject a pause of a deadline of life safety, of a major or red danger, and of a paused one."""
    if by_clock(case.kind, case.ticket):
        raise GuardFailed(
            "pausable",
            "涉及生命安全、重大或红色等级的隐患不得暂停计时",
            "the deadline of a life-safety, major or red danger never pauses",
        )
    if case.ticket.paused_ns is not None:
        raise GuardFailed("pausable", "已暂停计时", "the deadline is paused already")


def _paused(case: Case) -> None:
    """Require a paused deadline."""
    if case.ticket.paused_ns is None:
        raise GuardFailed("paused", "未暂停计时", "the deadline is not paused")


def _major(case: Case) -> None:
    """Require a major danger."""
    if not case.ticket.major:
        raise GuardFailed("major", "仅适用于重大隐患", "the danger is not a major one")


def _ordinary(case: Case) -> None:
    """Reject the merge of a major danger: its five-fulfil, double report and supervision would end with it."""
    if case.ticket.major:
        raise GuardFailed(
            "ordinary",
            "重大隐患不得并入其他工单，请将其他工单并入本工单",
            "a major danger is merged into no other one; merge the other one into it",
        )


def _candidate(case: Case) -> None:
    """Require a candidate major danger."""
    if case.ticket.major or not case.danger.clauses:
        raise GuardFailed("candidate", "不是待判定的重大隐患", "the danger is no candidate major danger")


def _deadline_kept(case: Case) -> None:
    """Reject a later deadline of a supervised major danger by an assignment: `extend` has the countersign."""
    ticket = case.ticket
    if ticket.major and ticket.supervised and case.fields.get("due", ticket.due_ns) > ticket.due_ns:
        raise GuardFailed(
            "deadline_kept",
            "挂牌督办的重大隐患只能通过“延期”并经督办单位会签才能推迟期限",
            "the deadline of a supervised major danger moves only by extend, which the supervisor countersigns",
        )


def _later(case: Case) -> None:
    """Require a deadline after the present one."""
    if case.fields.get("due", case.ticket.due_ns + 1) <= case.ticket.due_ns:
        present = format_time(case.ticket.due_ns)
        raise Invalid(
            {"due": f"a time after the present deadline {present}"}, zh={"due": f"须晚于现在的期限 {present}"}
        )


def _cleared(case: Case) -> None:
    """Reject a false report while the sensors detect the danger."""
    if case.proof.active:
        raise GuardFailed("cleared", "传感器仍显示危险存在", "the sensors still detect the danger")


def _observed(case: Case) -> None:
    """Require proof by the sensors and the whole observation, or an override by a named person with a reason."""
    overriding = case.fields.get("override") and has_content(str(case.fields.get("note", "")))
    if overriding or not case.overridden:
        return
    working = not case.proof.active and not case.proof.blind
    if not case.proof.holds and (not working or case.now_ns >= case.observed_ns):
        missing = [check.condition.text for check in case.proof.checks if check.met is False]
        zh, en = ("；".join(one["zh"] for one in missing), "; ".join(one["en"] for one in missing))
        raise GuardFailed(
            "proved",
            f"尚未证明已消除（{zh or '传感器异常'}）；如确需销号，请选择人工确认并说明理由",
            f"not proved: {en or 'a sensor is out of order'}; to close anyway set override and give the reason in note",
        )
    raise GuardFailed(
        "observed",
        f"观察期至 {format_time(case.observed_ns)}；如确需提前销号，请选择人工确认并说明理由",
        f"the observation ends {format_time(case.observed_ns)}; to close now set override and a reason in note",
    )


def _second_person(case: Case) -> None:
    """Reject the person who proposed the action, and roles that may not countersign it."""
    proposal = case.proposal
    if case.same_person(proposal.by):
        raise Forbidden(
            "ticket_countersign",
            ("the person who proposed the action may not countersign it", "提出操作的人不能会签"),
        )
    if not allowed(case.actor, proposal.operation):
        raise Forbidden(proposal.operation)
    if proposal.fields.get("due", case.now_ns + 1) <= case.now_ns:
        raise GuardFailed(
            "proposal", "申请的期限已过，请重新申请", "the proposed deadline has passed; propose another one"
        )


def _supervised(case: Case) -> None:
    """Require a standing supervision order."""
    if order_state(case.ticket) not in {OPEN, ANSWERED}:
        raise GuardFailed("supervised", "没有生效的挂牌督办", "no supervision order stands on this danger")


def _answered(case: Case) -> None:
    """Require an answer that the supervisor has not returned."""
    if order_state(case.ticket) != ANSWERED:
        raise GuardFailed("answered", "学校尚未答复", "the school has not answered the order")


OWN = "own"
GUARDS: Mapping[str, Callable[[Case], object]] = {
    OWN: _own,
    "four_eyes": _four_eyes,
    "five_fulfil": _five_fulfil,
    "deadline_kept": _deadline_kept,
    "double_report": _double_report,
    "pausable": _pausable,
    "paused": _paused,
    "major": _major,
    "ordinary": _ordinary,
    "candidate": _candidate,
    "later": _later,
    "supervised": _supervised,
    "answered": _answered,
    "cleared": _cleared,
    "observed": _observed,
    "proposal": lambda case: case.proposal,
    "second_person": _second_person,
}

SUBJECTS: Mapping[str, Callable[[Ticket], bool]] = {
    "any": lambda _ticket: True,
    "major": lambda ticket: ticket.major,
    "supervised_major": lambda ticket: ticket.major and ticket.supervised,
}
"""Tickets of which a second person signs an action."""
