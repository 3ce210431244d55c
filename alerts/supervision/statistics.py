"""Statistics of hidden dangers in the national form, for one school and as sums of schools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from alerts.model import Ticket

FIVE_COLUMNS: Mapping[str, str] = {
    "targets": "measures",
    "funds": "funds",
    "persons": "responsibility",
    "deadline": "time_limit",
    "contingency": "contingency_plan",
}
"""Column of the statistics -> item of five-fulfil that it counts."""


@dataclass(frozen=True, slots=True)
class SchoolStatistics:
    """Numbers of one school or the sum of several. planned: major dangers in the plan at the end of the span."""

    units: int = 0
    checked_units: int = 0
    general: int = 0
    general_done: int = 0
    major: int = 0
    major_done: int = 0
    planned: int = 0
    targets: int = 0
    funds: int = 0
    persons: int = 0
    deadline: int = 0
    contingency: int = 0

    def __add__(self, other: SchoolStatistics) -> SchoolStatistics:
        """Return the sums of both."""
        return SchoolStatistics(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    def cells(self) -> dict[str, str]:
        """Return the cells of the form, with rates of the sums. The funds spent are not recorded."""
        numbers = {one.name: str(getattr(self, one.name)) for one in fields(self)}
        rates = {
            "general_rate": rate(self.general_done, self.general),
            "major_rate": rate(self.major_done, self.major),
        }
        return numbers | rates | {"spent": ""}


def statistics(found: Sequence[Ticket], end_ns: int) -> SchoolStatistics:
    """Return the statistics of one school. found: its dangers of the span, without false reports and duplicates.

    major = rectified + in the plan at the end of the span; each of the five is at most the number in the plan.
    """
    major = [one for one in found if one.major]
    planned = [one for one in major if not closed(one, end_ns)]
    done = sum(closed(one, end_ns) for one in found)
    major_done = len(major) - len(planned)
    five = {name: sum(item in one.fulfilment for one in planned) for name, item in FIVE_COLUMNS.items()}
    return SchoolStatistics(
        units=int(bool(found)),
        checked_units=1,
        general=len(found) - len(major),
        general_done=done - major_done,
        major=len(major),
        major_done=major_done,
        planned=len(planned),
        **five,
    )


def closed(ticket: Ticket, end_ns: int) -> bool:
    """Return whether a danger was closed by the end of the span."""
    return ticket.state == "closed" and ticket.closed_ns is not None and ticket.closed_ns < end_ns


def rate(done: int, found: int) -> str:
    """Return a rate in percent with two decimals, "" for none of none."""
    return f"{100 * done / found:.2f}" if found else ""
