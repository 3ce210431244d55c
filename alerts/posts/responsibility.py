"""Responsibility list by post: persons, deputies and duties of each post, and its gaps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

from alerts.rosters.holders import Holders, holders
from alerts.rosters.model import Roster
from alerts.training.records import Course

from .duties import PointDuty, TicketDuty

GapKind = Literal["vacant", "no_deputy", "point_without_post", "measure_without_post", "account", "ticket", "zone"]
WORKING = frozenset(("assigned", "taken", "rectifying"))
"""States of a ticket in which its fixer has work."""


@dataclass(frozen=True, slots=True)
class Post:
    """A post with its holders and its duties. listed: whether the roster has it; points, measures: ids in the register.

    persons, deputies: ids in the roster.
    """

    id: str
    name: Mapping[str, str]
    listed: bool
    persons: tuple[str, ...]
    deputies: tuple[str, ...]
    points: tuple[str, ...]
    measures: tuple[str, ...]
    courses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """A duty without a named person or deputy. subject: id of the post, risk point, measure, person, ticket or zone."""

    kind: GapKind
    subject: str
    text: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Register:
    """Duties of a site: risk points, courses, posts of inspection plans, open tickets, and its roster."""

    points: Sequence[PointDuty]
    courses: Sequence[Course]
    inspections: Collection[str]
    tickets: Sequence[TicketDuty]
    roster: Roster | None


def posts_of(found: Register, names: Mapping[str, Mapping[str, str]]) -> list[Post]:
    """Return the posts of the roster and those that duties name, by id. names: of posts outside the roster."""
    listed = {} if found.roster is None else found.roster.posts
    points, measures = _duties(found.points)
    wanted = {*listed, *points, *measures, *found.inspections, *(post for one in found.courses for post in one.posts)}
    posts = []
    for post in sorted(wanted):
        who = holders(found.roster, post)
        name = listed[post].name if post in listed else names.get(post, {"zh": post, "en": post})
        courses = tuple(one.id for one in found.courses if post in one.posts)
        of_post = tuple(points.get(post, ())), tuple(measures.get(post, ()))
        posts.append(Post(post, name, post in listed, who.persons, who.deputies, *of_post, courses))
    return posts


def gaps(posts: Iterable[Post], found: Register, active: Collection[str]) -> list[Gap]:
    """Return the gaps of a site. active: accounts that have not ended and are not locked."""
    who = cache(partial(holders, found.roster))
    return [
        *(gap for post in posts for gap in _of_post(post)),
        *(gap for point in found.points for gap in _of_point(point, who)),
        *_of_accounts(found.roster, active),
        *(gap for ticket in found.tickets for gap in _of_ticket(ticket, active)),
    ]


def _duties(duties: Iterable[PointDuty]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    points: dict[str, list[str]] = {}
    measures: dict[str, list[str]] = {}
    for point in duties:
        for post in dict.fromkeys(filter(None, (point.content.post, point.content.deputy))):
            points.setdefault(post, []).append(point.id)
        for one in point.content.measures:
            if one.post:
                measures.setdefault(one.post, []).append(f"{point.id}/{one.id}")
    return points, measures


def _of_post(post: Post) -> Iterator[Gap]:
    if not post.persons:
        zh = "没有人员" if post.listed else "不在值班表中"
        en = "has no person" if post.listed else "is not in the roster"
        duties = f"{len(post.points)} / {len(post.measures)}"
        text = {"zh": f"岗位“{post.name['zh']}”{zh}（风险点 / 管控措施 {duties}）"}
        text["en"] = f"post {post.name['en']} {en} (risk points / measures: {duties})"
        yield Gap("vacant", post.id, text)
    elif not post.deputies:
        text = {"zh": f"岗位“{post.name['zh']}”没有副手", "en": f"post {post.name['en']} has no deputy"}
        yield Gap("no_deputy", post.id, text)


def _of_point(point: PointDuty, who: Callable[[str], Holders]) -> Iterator[Gap]:
    content = point.content
    name = content.name.both()
    own = who(content.post)
    if not content.post:
        text = {"zh": f"风险点“{name['zh']}”没有负责岗位", "en": f"risk point {name['en']} has no responsible post"}
        yield Gap("point_without_post", point.id, text)
    elif own.persons and content.deputy and not _named(own, who(content.deputy)):
        text = {"zh": f"风险点“{name['zh']}”的副岗没有人员", "en": f"the deputy post of {name['en']} has no person"}
        yield Gap("no_deputy", point.id, text)
    for one in content.measures:
        if not one.post:
            what = one.text.both()
            text = {"zh": f"“{name['zh']}”的措施没有责任岗位：{what['zh']}"}
            text["en"] = f"a measure of {name['en']} has no post: {what['en']}"
            yield Gap("measure_without_post", f"{point.id}/{one.id}", text)


def _named(own: Holders, deputy: Holders) -> bool:
    """Return whether a risk point has a second person, of its post or of its deputy post."""
    return bool(own.deputies or deputy.all)


def _of_accounts(roster: Roster | None, active: Collection[str]) -> Iterator[Gap]:
    for person in roster.persons.values() if roster else ():
        if person.account and person.account not in active:
            name = person.name
            text = {"zh": f"{name['zh']} 的账号 {person.account} 已停用或不存在"}
            text["en"] = f"the account {person.account} of {name['en']} has ended, is locked or does not exist"
            yield Gap("account", person.id, text)


def _of_ticket(ticket: TicketDuty, active: Collection[str]) -> Iterator[Gap]:
    named = {"acceptor": ticket.acceptor} | ({"fixer": ticket.fixer} if ticket.state in WORKING else {})
    for role, username in named.items():
        if username not in active:
            zh = {"acceptor": "验收人", "fixer": "整改责任人"}[role]
            text = {"zh": f"工单 {ticket.number} 没有可用的{zh}", "en": f"ticket {ticket.number} has no active {role}"}
            yield Gap("ticket", ticket.id, text)
