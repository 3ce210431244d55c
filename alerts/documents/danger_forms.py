"""Forms of hidden dangers: statistics, ledger, yearly register, rectification notice and reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from alerts.model import Ticket
from alerts.supervision.statistics import statistics as statistics_of

from .danger_rows import Dangers
from .forms import Filled, Form, forms
from .register_forms import Row, Subject


def statistics(dangers: Dangers, subject: Subject) -> Filled:
    """Return the statistics of the span: one row of the school."""
    row = statistics_of(dangers.found(), dangers.end_ns).cells()
    return _filled(forms()["quarter_statistics"], subject, [row])


def ledger(dangers: Dangers, subject: Subject) -> Filled:
    """Return the ledger of the dangers found in the span."""
    return _filled(forms()["ledger"], subject, [dangers.row(one, subject) for one in dangers.found()])


def yearly_register(dangers: Dangers, subject: Subject) -> Filled:
    """Return the yearly register: the dangers of the span and those open at its begin, with number and closure.

    Every January begins a new one; a danger that was closed before is not carried over.
    """
    rows = []
    for number, one in enumerate(dangers.standing(), 1):
        row = dangers.row(one, subject)
        own = {"number": str(number), "check_unit": subject.school(), "check_person": row["finder"]}
        own |= {"category": row["profession"], "fix_measures": row["required_measures"]}
        rows.append(row | own | ({} if dangers.closed(one) else {"closed": ""}))
    return _filled(forms()["yearly_register"], subject, rows)


DANGER_FORMS: Mapping[str, Callable[[Dangers, Subject], Filled]] = {
    "quarter_statistics": statistics,
    "ledger": ledger,
    "yearly_register": yearly_register,
}
"""Form -> function that fills it."""


def _filled(form: Form, subject: Subject, rows: Sequence[Row]) -> Filled:
    titles = ("单位负责人（签字）：", "填表人（签字）：", "填报日期：")
    if subject.language == "en":
        titles = ("Head of the unit:", "Writer:", "Date:")
    return Filled(form, subject.language, f"{subject.school()}    {subject.day}", rows, titles)


def notice(ticket: Ticket, dangers: Dangers, subject: Subject, *, reply: bool) -> Filled:
    """Return the rectification notice of a danger, or the reply to it, with the lines for its signatures."""
    row = dangers.row(ticket, subject) | {"number": ticket.number, "school": subject.school()}
    english, names = subject.language == "en", REPLY if reply else NOTICE
    lines = [{"item": pair[english], "content": row.get(name, "")} for name, pair in names.items()]
    letter = "reply" if reply else "notice"
    signatures = [pair[english] for pair in SIGNATURES[letter]]
    return Filled(LETTERS[letter], subject.language, f"{subject.school()}    {subject.day}", lines, signatures)


NOTICE: Mapping[str, tuple[str, str]] = {
    "number": ("编号", "Number"),
    "school": ("签发单位", "Issuing unit"),
    "responsible_unit": ("责任单位", "Responsible unit"),
    "place": ("隐患地点", "Place"),
    "description": ("隐患描述", "Description"),
    "kind": ("隐患类型", "Type"),
    "grade": ("隐患等级", "Grade"),
    "found_at": ("排查日期", "Date found"),
    "finder": ("检查人", "Checked by"),
    "required_measures": ("整改要求(措施)", "Required measures"),
    "due": ("整改时限", "Deadline"),
    "fix_unit": ("整改单位", "Fixing unit"),
    "fixer": ("整改责任人", "Fixer"),
}
REPLY: Mapping[str, tuple[str, str]] = {
    "number": ("编号", "Number"),
    "fix_unit": ("整改单位", "Fixing unit"),
    "place": ("隐患地点", "Place"),
    "description": ("隐患描述", "Description"),
    "required_measures": ("整改要求(措施)", "Required measures"),
    "due": ("整改时限", "Deadline"),
    "fix_measures": ("整改措施", "Measures"),
    "fixed_at": ("整改完成日期", "Date of completion"),
    "fixer": ("整改责任人", "Fixer"),
    "acceptor": ("验收人", "Acceptor"),
    "accepted_at": ("验收时间", "Accepted at"),
    "acceptance": ("验收情况", "Acceptance"),
    "recheck_person": ("复查人", "Re-check by"),
    "recheck_at": ("复查时间", "Re-checked at"),
    "recheck_result": ("复查情况", "Re-check"),
    "closed_at": ("销号日期", "Closed on"),
}
LETTERS: Mapping[str, Form] = {name: forms()[f"rectification_{name}"] for name in ("notice", "reply")}
"""Two-column forms of one danger."""
SIGNATURES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "notice": (
        ("签发人（签字）：", "Issued by:"),
        ("签发单位（盖章）：", "Seal of the unit:"),
        ("接收人（签字）：", "Received by:"),
        ("日期：", "Date:"),
    ),
    "reply": (
        ("整改责任人（签字）：", "Fixer:"),
        ("整改单位（盖章）：", "Seal of the unit:"),
        ("验收人（签字）：", "Acceptor:"),
        ("日期：", "Date:"),
    ),
}
"""Lines to sign on each form; the acceptor is not the fixer."""
