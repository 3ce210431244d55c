"""Acknowledgement of a page by link, SMS reply or key of a call.

A refusal is an answer, not an exception: the channel returns its text to the sender.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, select

from alerts.database import journal
from alerts.database import rows as records
from alerts.database.schema import notices
from alerts.model import Hazard, Notice
from alerts.rosters.model import Person, Roster

from . import rows
from .links import Links
from .machine import hasten
from .model import ENDED, TAKEN, Acknowledgement, Escalation, Way
from .pager import Router
from .taking import Taking

TAKE, PASS_ON = "4", "5"
"""Keys and first characters of a reply: acknowledge; page the next persons now."""
REPLY_LENGTH_MAX = 160
_REPLY = re.compile(r"\s*([45])\s*[-:,. ]?\s*(\d{4})\s*")
_PERSONAL = re.compile(r"[^0-9]")
NUMBER_DIGITS = 11
"""Last digits by which two forms of a telephone number are the same number."""

LINK: Final = "link"
SMS: Final = "sms"
KEY: Final = "key"
SEEN = "seen"


@dataclass(frozen=True, slots=True)
class Answer:
    """Result of an acknowledgement. reason: taken, renewed, partly, passed_on, seen, or the cause of a refusal.

    text: one sentence in both languages, for an SMS or the page of a link.
    """

    accepted: bool
    reason: str
    text: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OpenLink:
    """Page of a link: its notice, the persons who may use it, the taker (None for nobody), and the persons done.

    order: whether it is of an emergency order, which persons receive instead of taking an alarm.
    """

    notice: Notice
    persons: Sequence[Person]
    taken_by: Mapping[str, str] | None
    done: int
    needed: int
    order: bool = False


_REFUSED: Mapping[str, tuple[str, str]] = {
    "link": ("链接无效或已过期", "this link is invalid or has expired"),
    "used": ("链接已使用过", "this link has been used"),
    "person": ("该链接不属于此人", "this link belongs to another person"),
    "stranger": ("未知号码，未受理", "unknown number; nothing was done"),
    "code": ("未知报警码，未受理", "unknown alarm code; nothing was done"),
    "reply": (
        "请回复：4 加报警码（接手），或 5 加报警码（转下一人）",
        "reply 4 CODE to take the alarm, 5 CODE to pass it on",
    ),
    "key": ("请按 4 接手，或按 5 转下一人", "press 4 to take the alarm, 5 to pass it on"),
    "ended": ("该报警已结束", "this alarm has ended"),
    "last": ("本轮已无下一人可通知；如可处理请接手", "nobody is left to page in this round; take the alarm if you can"),
    "held": ("已由{name}接手", "already taken by {name}"),
}
_DONE: Mapping[str, tuple[str, str]] = {
    "taken": ("您已接手：{place}", "you have taken the alarm: {place}"),
    "renewed": ("接手时间已延长：{place}", "your acknowledgement is renewed: {place}"),
    "partly": ("已收到您的确认（{done}/{needed}）：{place}", "confirmed, {done} of {needed}: {place}"),
    "passed_on": ("已转下一人：{place}", "passed on: {place}"),
    "seen": ("已记录：您已看到", "recorded: you have seen it"),
}


class Acknowledgements:
    """Accepts acknowledgements from outside the console. Methods may be called from several threads."""

    def __init__(
        self, engine: Engine, router: Router, taking: Taking, links: Links, *, clocks: tuple[Callable[[], int], ...]
    ) -> None:
        """clocks: wall clock, clock of escalations."""
        self._engine, self._router, self._taking, self.links = engine, router, taking, links
        self._wall, self._steps = clocks

    def open_link(self, token: str) -> OpenLink | None:
        """Return the page of a link, None for an invalid one. It records nothing: messengers open links as well."""
        with self._engine.execution_options(writes=False).connect() as connection:
            found = self._of_notice(connection, self.links.notice_id(token))
            if found is None:
                return None
            notice, one, roster = found
            hazard = self._taking.hazard(connection, one.hazard)
            persons = [roster.persons[name] for name in notice.body["to"]["persons"] if name in roster.persons]
            count = one.needed or len(one.paged)
            return OpenLink(notice, persons, _holder(one, hazard), len(one.takers), count)

    def by_link(self, token: str, *, person: str, action: str = TAKE, address: str = "") -> Answer:
        """Accept the press of a button on the page of a link.

        person: id of one of its persons; action: TAKE, PASS_ON or SEEN; address: of the client, for the audit.
        """
        notice_id = self.links.notice_id(token)
        if notice_id is None:  # strangers may send tokens: a forged one opens no transaction
            return _text(_REFUSED, "link", accepted=False)
        with self._engine.begin() as connection:
            found = self._of_notice(connection, notice_id)
            if found is None:
                return self._refused(connection, "link", way=LINK, sender=address)
            notice, one, roster = found
            reason = ""
            if person not in notice.body["to"]["persons"] or person not in roster.persons:
                reason = "person"
            elif any((known.notice, known.person) == (notice.id, person) for known in one.acknowledged):
                reason = "used"
            elif action not in {TAKE, PASS_ON, SEEN}:
                reason = "key"
            if reason:
                return self._refused(connection, reason, way=LINK, sender=address, one=one)
            by = self._by(roster.persons[person], LINK, notice.id)
            if action == SEEN:
                return self._seen(connection, one, by)
            return self._answer(connection, one, by, action)

    def by_reply(self, sender: str, text: str) -> Answer:
        """Accept an SMS reply: `4 CODE` or `5 CODE`, from the number of a person whom the alarm has paged."""
        with self._engine.begin() as connection:
            parts = _REPLY.fullmatch(text[:REPLY_LENGTH_MAX])
            if parts is None:
                return self._refused(connection, "reply", way=SMS, sender=sender)
            found = rows.with_code(connection, parts[2])
            for one in found:
                duty = self._router.duty(connection, one.site)
                known = () if duty is None else (duty.roster.persons.get(name) for name in one.paged)
                person = next((one for one in known if one is not None and has_number(one, sender)), None)
                if person is not None:
                    return self._answer(connection, one, self._by(person, SMS, ""), parts[1])
            reason, known_one = ("stranger", found[0]) if found else ("code", None)
            return self._refused(connection, reason, way=SMS, sender=sender, one=known_one)

    def by_key(self, notice_id: str, key: str) -> Answer:
        """Accept a key that was pressed during the call of a notice."""
        with self._engine.begin() as connection:
            found = self._of_notice(connection, notice_id)
            if found is None:
                return self._refused(connection, "ended", way=KEY, sender="")
            notice, one, roster = found
            person = next(
                (roster.persons[name] for name in notice.body["to"]["persons"] if name in roster.persons), None
            )
            if key not in {TAKE, PASS_ON} or person is None:
                return self._refused(connection, "key", way=KEY, sender="", one=one)
            return self._answer(connection, one, self._by(person, KEY, notice.id), key)

    def _of_notice(self, connection: Connection, notice_id: str | None) -> tuple[Notice, Escalation, Roster] | None:
        """Return a notice to a person with its escalation, if that is still of the same alarm, and the roster."""
        row = connection.execute(select(notices).where(notices.c.id == (notice_id or ""))).first()
        if row is None or "to" not in row.body:
            return None
        one, duty = rows.load(connection, row.hazard), self._router.duty(connection, row.site)
        if one is None or duty is None or one.since_ns != row.body["to"].get("since_ns"):
            return None
        return records.record(Notice, row), one, duty.roster

    def _answer(self, connection: Connection, one: Escalation, by: Acknowledgement, action: str) -> Answer:
        hazard = self._taking.hazard(connection, one.hazard)
        held = hazard.acknowledged_by
        if held is not None and one.state in {TAKEN, ENDED} and held != by.by:
            self._see(connection, one, by)
            return _text(_REFUSED, "held", accepted=False, name=_holder(one, hazard))
        place = self._taking.place(hazard)
        if action == PASS_ON:
            after = hasten(one, self._steps(), steps=self._router.steps(connection, one, hazard))
            if after is one:
                return self._refused(connection, "last", way=by.via, sender="", one=one)
            rows.save(connection, one, after)
            if held is not None:
                self._taking.released(connection, hazard, actor=by.by, kind="hazard.unacknowledged")
            self._note(connection, "hazard.passed_on", one, by)
            return _text(_DONE, "passed_on", accepted=True, place=place)
        self._taking.take(connection, hazard, by)
        after = rows.load(connection, one.hazard) or one
        reason = ("renewed" if held else "taken") if after.state == TAKEN else "partly"
        count = after.needed or len(after.paged)
        return _text(_DONE, reason, accepted=True, place=place, done=len(after.takers), needed=count)

    def _seen(self, connection: Connection, one: Escalation, by: Acknowledgement) -> Answer:
        self._see(connection, one, by)
        return _text(_DONE, "seen", accepted=True)

    def _see(self, connection: Connection, one: Escalation, by: Acknowledgement) -> None:
        """Record once that a person has seen the alarm."""
        if all((known.person, known.notice) != (by.person, by.notice) for known in one.seen):
            rows.save(connection, one, one.with_changes(seen=(*one.seen, by)))
            self._note(connection, "hazard.seen", one, by)

    def _by(self, person: Person, via: Way, notice: str) -> Acknowledgement:
        return Acknowledgement(person.username, person.id, person.name, via, notice, self._wall())

    def _note(self, connection: Connection, kind: str, one: Escalation, by: Acknowledgement) -> None:
        facts = {"via": by.via, "person": by.person}
        at_ns = self._wall()
        journal.append(connection, at_ns=at_ns, actor=by.by, kind=kind, site=one.site, subject=one.hazard, facts=facts)

    def _refused(
        self, connection: Connection, reason: str, *, way: str, sender: str, one: Escalation | None = None
    ) -> Answer:
        """Return a refusal; audit it where it concerns an alarm, without the whole number of the sender."""
        if one is not None:
            journal.append(
                connection,
                at_ns=self._wall(),
                actor="unknown",
                kind="acknowledgement.refused",
                site=one.site,
                subject=one.hazard,
                facts={"reason": reason, "via": way, "sender": sender[-4:] if way == SMS else sender[:64]},
            )
        return _text(_REFUSED, reason, accepted=False)


def has_number(person: Person, sender: str) -> bool:
    """Return whether the number belongs to the person, with or without the code of its country."""
    given = plain_number(sender)
    own = {plain_number(person.contacts[medium]) for medium in ("sms", "voice") if medium in person.contacts}
    return bool(given) and given in own


def plain_number(number: str) -> str:
    """Return the last digits of a telephone number, which are the same with and without the code of its country."""
    return _PERSONAL.sub("", number)[-NUMBER_DIGITS:]


def _holder(one: Escalation, hazard: Hazard) -> Mapping[str, str] | None:
    """Return the name of the person who holds the alarm, None for nobody."""
    held = hazard.acknowledged_by
    if held is None:
        return None
    return {known.by: known.name for known in one.acknowledged if known.name}.get(held) or {"zh": held, "en": held}


def _text(texts: Mapping[str, tuple[str, str]], reason: str, *, accepted: bool, **words: object) -> Answer:
    """Return an answer; a word with two languages has the one of each text."""
    found = {}
    for language, text in zip(("zh", "en"), texts[reason], strict=True):
        given = {key: word.get(language, "") if isinstance(word, Mapping) else word for key, word in words.items()}
        found[language] = text.format(**given)
    return Answer(accepted, reason, found)
