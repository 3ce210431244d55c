"""Persons on duty at a time: shifts by the school calendar, exceptions, substitutes and deputies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from detectors import Calendar

from .model import WEEKDAYS, ChainStep, DutyException, Person, Roster, Shift

SECOND_NS = 1_000_000_000
DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Turn:
    """One shift of one day. persons: by plan, without exceptions."""

    post: str
    begin_ns: int
    end_ns: int
    persons: tuple[str, ...]


class Duty:
    """Persons on duty of one roster. Times are ns since 1970 UTC; hours are wall-clock times of the calendar's zone."""

    def __init__(self, roster: Roster, calendar: Calendar) -> None:
        self.roster, self._calendar = roster, calendar
        self.zone = ZoneInfo(calendar.timezone)

    def members(self, step: ChainStep, at_ns: int) -> tuple[Person, ...]:
        """Return the persons of a step at a time, each once."""
        names = [name for post in step.posts for name in self.on_duty(post, at_ns)]
        names += [name for post in step.deputies for name in self.roster.posts[post].deputies]
        names += step.persons
        present = [self._present(name, "", at_ns) for name in names]
        return tuple(self.roster.persons[name] for name in dict.fromkeys(filter(None, present)))

    def on_duty(self, post: str, at_ns: int) -> tuple[str, ...]:
        """Return the persons on duty at a post: of its shifts, with substitutes for absent ones, else its deputies."""
        day = self._local(at_ns).date()
        turns = self._turns(day - DAY, day, post)
        planned = [name for turn in turns if turn.begin_ns <= at_ns < turn.end_ns for name in turn.persons]
        present = [self._present(name, post, at_ns) for name in planned]
        if not any(present):
            present = [self._present(name, post, at_ns) for name in self.roster.posts[post].deputies]
        return tuple(dict.fromkeys(filter(None, present)))

    def turns(self, begin_ns: int, end_ns: int) -> Iterator[Turn]:
        """Yield the shifts of all posts that overlap the time."""
        first, last = self._local(begin_ns).date() - DAY, self._local(end_ns).date()
        for turn in self._turns(first, last, None):
            if turn.begin_ns < end_ns and turn.end_ns > begin_ns:
                yield turn

    def changes(self, begin_ns: int, end_ns: int) -> list[int]:
        """Return the times within the span at which the persons on duty may change, sorted, with its begin."""
        found = {begin_ns}
        for turn in self.turns(begin_ns, end_ns):
            found |= {turn.begin_ns, turn.end_ns}
        for one in self.roster.exceptions:
            found |= {self._ns(one.begin), self._ns(one.end)}
        return sorted(time_ns for time_ns in found if begin_ns <= time_ns < end_ns)

    def _turns(self, first: date, last: date, post: str | None) -> Iterator[Turn]:
        day = first
        while day <= last:
            for shift in self.roster.shifts:
                if post in {None, shift.post} and self._on(shift, day):
                    begin_ns = self._ns(datetime.combine(day, shift.begin))
                    overnight = DAY if shift.end <= shift.begin else timedelta()
                    end_ns = self._ns(datetime.combine(day + overnight, shift.end))
                    yield Turn(shift.post, begin_ns, end_ns, _turn(shift, day))
            day += DAY

    def _on(self, shift: Shift, day: date) -> bool:
        school = self._calendar.hours(day) is not None
        kinds = {"all", "school" if school else "free", WEEKDAYS[day.weekday()]}
        return bool(kinds & set(shift.days))

    def _present(self, name: str, post: str, at_ns: int) -> str:
        """Return the person, or the substitute of an absence; "" if nobody replaces the person."""
        seen: set[str] = set()
        while name and name not in seen:
            absent = self._absence(name, post, at_ns)
            if absent is None:
                return name
            seen.add(name)
            name = absent.substitute
        return ""

    def _absence(self, name: str, post: str, at_ns: int) -> DutyException | None:
        return next(
            (
                one
                for one in self.roster.exceptions
                if one.person == name
                and (not one.post or one.post == post)
                and self._ns(one.begin) <= at_ns < self._ns(one.end)
            ),
            None,
        )

    def _local(self, at_ns: int) -> datetime:
        return datetime.fromtimestamp(at_ns // SECOND_NS, self.zone)

    def _ns(self, local: datetime) -> int:
        delta = local.replace(tzinfo=self.zone).astimezone(UTC) - _EPOCH
        return (delta.days * 86_400 + delta.seconds) * SECOND_NS


def _turn(shift: Shift, day: date) -> tuple[str, ...]:
    """Return the persons of a shift on a day: all, or one by turns."""
    if not shift.turn_days or not shift.persons:
        return shift.persons
    return (shift.persons[(day - shift.since).days // shift.turn_days % len(shift.persons)],)
