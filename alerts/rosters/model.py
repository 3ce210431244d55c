"""Records of a roster: persons, posts, shifts, exceptions, chains and the order of channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Annotated, Any

from annotated_types import Interval, Unit

from alerts.risk.grading import Grade
from ingest import Reads, one_of

MEDIA = ("app", "sms", "voice", "email")
GRADES = ("red", "orange", "yellow")
"""Grades that page; blue never does."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAYS = ("all", "school", "free", *WEEKDAYS)
NAME_LENGTH_MAX, ID_LENGTH_MAX, ADDRESS_LENGTH_MAX = 100, 64, 256
ORDER: Mapping[str, Mapping[str, float]] = {
    "red": {"app": 0.0, "sms": 0.0, "voice": 0.0, "email": 0.0},
    "orange": {"app": 0.0, "email": 0.0, "sms": 60.0, "voice": 180.0},
    "yellow": {"app": 0.0, "email": 0.0},
}
"""Grade -> medium -> seconds from the start of a step to the message, where a roster states no other."""


def _name(text: Any) -> str:
    if len(text) > NAME_LENGTH_MAX or text != text.strip() or not text.isprintable():
        raise ValueError
    return str(text)


def _identity(text: Any) -> str:
    if not 1 <= len(text) <= ID_LENGTH_MAX or not text.isprintable() or set(text) & set(" /"):
        raise ValueError
    return str(text)


def _moment(given: Any) -> datetime:
    found = given if isinstance(given, datetime) else datetime.fromisoformat(given)
    if found.tzinfo is not None or not YEAR_MIN <= found.year <= YEAR_MAX:
        raise ValueError
    return found


def _clock(given: Any) -> time:
    found = given if isinstance(given, time) else time.fromisoformat(given)
    if found.tzinfo is not None:
        raise ValueError
    return found


def _date(given: Any) -> date:
    found = given if isinstance(given, date) else date.fromisoformat(given)
    if isinstance(found, datetime):
        raise TypeError
    return found


def _contacts(given: Any) -> Mapping[str, str]:
    if set(given) - set(MEDIA) or not all(_address(one) for one in given.values()):
        raise ValueError
    return dict(given)


def _address(text: Any) -> bool:
    return isinstance(text, str) and 1 <= len(text) <= ADDRESS_LENGTH_MAX and text.isprintable() and " " not in text


def _after(given: Any) -> Mapping[str, float]:
    found = {medium: float(after_s) for medium, after_s in given.items()}
    if not found or set(found) - set(MEDIA) or not all(0 <= after_s <= AFTER_S_MAX for after_s in found.values()):
        raise ValueError
    return found


AFTER_S_MAX = 3_600.0
YEAR_MIN, YEAR_MAX = 1970, 9998
"""Years of an exception; the first and the last year of dates have no UTC time in some zones."""
Name = Annotated[str, Reads(_name, f"a text of at most {NAME_LENGTH_MAX} printable characters")]
Id = Annotated[str, Reads(_identity, f"1 to {ID_LENGTH_MAX} printable characters without space and /")]
Ids = tuple[Id, ...]
Moment = Annotated[datetime, Reads(_moment, f'a local time such as "2026-12-01T07:00" from {YEAR_MIN} to {YEAR_MAX}')]


@dataclass(frozen=True, slots=True)
class Person:
    """A person on duty. account: user name in the console; contacts: medium -> channel of the settings, or address."""

    site: str
    id: Id
    name_zh: Name = ""
    name_en: Name = ""
    account: str = ""
    contacts: Annotated[
        Mapping[str, str], Reads(_contacts, f"an address without spaces for any of {', '.join(MEDIA)}")
    ] = field(default_factory=dict)

    @property
    def username(self) -> str:
        """Return the name of the person in the audit."""
        return self.account or self.id

    @property
    def name(self) -> dict[str, str]:
        """Return the name in both languages."""
        return {"zh": self.name_zh or self.name_en or self.id, "en": self.name_en or self.name_zh or self.id}


@dataclass(frozen=True, slots=True)
class Post:
    """A duty. deputies: persons who replace absent ones, and cover hours without a shift."""

    site: str
    id: Id
    name_zh: Name = ""
    name_en: Name = ""
    deputies: Ids = ()

    @property
    def name(self) -> dict[str, str]:
        """Return the name in both languages."""
        return {"zh": self.name_zh or self.id, "en": self.name_en or self.id}


@dataclass(frozen=True, slots=True)
class Shift:
    """Hours of a post on days; an end at or before the begin is on the next day.

    days: school (with make-up days), free (all others), weekdays or all. turn_days: 0 for all persons together, else
    the days after which the next person follows, counted from `since`.
    """

    site: str
    post: Id
    begin: Annotated[time, Reads(_clock, 'a local time of day such as "07:00"')]
    end: Annotated[time, Reads(_clock, 'a local time of day such as "19:00"')]
    persons: Ids
    days: tuple[Annotated[str, one_of(DAYS)], ...] = ("all",)
    turn_days: Annotated[int, Interval(ge=0, le=366), Unit("d")] = 0
    since: Annotated[date, Reads(_date, 'a day such as "2026-09-01"')] = date(2026, 1, 5)


@dataclass(frozen=True, slots=True)
class DutyException:
    """Absence of a person from one post, or from all. substitute: the person of a swap; "": the deputies."""

    site: str
    person: Id
    begin: Moment
    end: Moment
    post: str = ""
    substitute: str = ""


@dataclass(frozen=True, slots=True)
class ChainStep:
    """Persons of one step, and the seconds until the next step."""

    wait_s: Annotated[float, Interval(ge=5, le=86_400), Unit("s")] = 60.0
    posts: Ids = ()
    deputies: Ids = ()
    persons: Ids = ()


@dataclass(frozen=True, slots=True)
class Chain:
    """Steps for alarms of these grades, kinds (or causes) and zones; an empty list is any.

    acknowledgements: number of persons who must acknowledge, 0 for everybody paged. verify_posts: asked to look at an
    early finding, without a page. confirm_s: an acknowledged alarm that nobody confirms in this time goes on to the
    next step; 0: never.
    """

    site: str
    id: Id
    steps: tuple[ChainStep, ...]
    grades: tuple[Annotated[str, one_of(GRADES)], ...] = GRADES
    kinds: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    acknowledgements: Annotated[int, Interval(ge=0, le=1_000)] = 1
    rounds: Annotated[int, Interval(ge=1, le=100)] = 3
    verify_posts: Ids = ()
    confirm_s: Annotated[float, Interval(ge=0, le=3_600), Unit("s")] = 0.0

    def matches(self, *, grade: Grade, kinds: tuple[str, str], zone: str) -> bool:
        """Return whether the chain is for an alarm; kinds: its kind and its cause."""
        kind = not self.kinds or bool(set(kinds) & set(self.kinds))
        return grade.colour in self.grades and kind and (not self.zones or zone in self.zones)


@dataclass(frozen=True, slots=True)
class ChannelOrder:
    """Order of the channels of a grade. after_s: medium -> seconds from the start of a step."""

    site: str
    grade: Annotated[str, one_of(GRADES)]
    after_s: Annotated[
        Mapping[str, float], Reads(_after, f"0 to {AFTER_S_MAX:g} s for one or more of {', '.join(MEDIA)}")
    ]


@dataclass(frozen=True, slots=True)
class Roster:
    """The roster of one site."""

    site: str
    persons: Mapping[str, Person] = field(default_factory=dict)
    posts: Mapping[str, Post] = field(default_factory=dict)
    shifts: tuple[Shift, ...] = ()
    exceptions: tuple[DutyException, ...] = ()
    chains: tuple[Chain, ...] = ()
    orders: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: dict(ORDER))

    def chain(self, *, grade: Grade, kinds: tuple[str, str], zone: str) -> Chain | None:
        """Return the first chain for an alarm, None without one."""
        return next((one for one in self.chains if one.matches(grade=grade, kinds=kinds, zone=zone)), None)

    def order(self, grade: Grade) -> Mapping[str, float]:
        """Return the order of channels of a grade; blue has none."""
        return self.orders.get(grade.colour, {})

    def person_of(self, account: str) -> Person | None:
        """Return the person of an account, None without one."""
        return next((one for one in self.persons.values() if one.username == account), None)
