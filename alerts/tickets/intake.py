"""Entry of dangers that people find: inspections, patrols, reports with and without an account."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine, insert, select

from alerts.dangers import guide, photos
from alerts.dangers.clauses import Clause
from alerts.dangers.kinds import danger_kinds, kinds_for_public
from alerts.dangers.photos import Sent
from alerts.dangers.place_codes import PlaceCodes
from alerts.dangers.report_limits import REPORTS_OF_PLACE, ReportLimits
from alerts.database.schema import public_reports
from alerts.errors import Invalid, NotFound
from alerts.model import Danger, Ticket
from alerts.people.access import Actor, allowed, require
from alerts.risk.grading import Grade
from alerts.risk.registry import Registry

from .tickets import Tickets

FOUND_BY_PEOPLE = ("inspection", "patrol", "report")
RECEIPT_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
RECEIPT_LENGTH = 16
PHOTO_WINDOW_NS = 3_600_000_000_000
"""Time in which the holder of a receipt may add photos."""
_NUMBERS = re.compile(r"\d[\d\s-]{5,}\d|[\w.+-]+@[\w-]+\.[\w.]+")
"""Telephone and identity numbers and mail addresses, which a public report does not keep."""


@dataclass(frozen=True, slots=True)
class Found:
    """A danger as a person states it. cause: kind of danger; grade: None for the usual one of its kind."""

    site: str
    place: str
    cause: str
    source: str
    text: str
    grade: Grade | None = None
    clauses: tuple[str, ...] = ()


class Intake:
    """Writes dangers of people; each method is one transaction. Methods may be called from several threads."""

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        clock: Callable[[], int],
        ticketing: Callable[[Connection], Tickets],
        *,
        codes: PlaceCodes,
    ) -> None:
        self._codes = codes
        self._engine, self._registry, self._clock, self._ticketing = engine, registry, clock, ticketing
        self.limits = ReportLimits()

    def find(self, actor: Actor, found: Found) -> Ticket:
        """Add a danger of a person with an account; return its ticket. Raises Forbidden, NotFound, Invalid.

        An open danger of the same place and kind takes it as found again. One that an officer finds is graded at once.
        """
        require(actor, "report_danger")
        if not actor.sees(found.site):
            raise NotFound("site", found.site)
        with self._engine.begin() as connection:
            return self.enter(connection, actor, found)

    def enter(self, connection: Connection, actor: Actor, found: Found) -> Ticket:
        """Add a danger as `find` does, within the caller's transaction. Raises Invalid before the first write."""
        self._check(connection, found, FOUND_BY_PEOPLE)
        return self._enter(connection, found, actor.username, graded=allowed(actor, "ticket_officer"))

    def report(self, site: str, place: str, cause: str, text: str, *, address: str) -> str:
        """Add a report of the public; return its receipt. Raises Invalid, TooManyReports.

        Nothing of the reporter is kept: neither the address nor numbers and mail addresses in the text.
        """
        self.limits.check(address, f"{site}/{place}")
        kept = _NUMBERS.sub("***", text).strip()
        receipt = "".join(secrets.choice(RECEIPT_ALPHABET) for _ in range(RECEIPT_LENGTH))
        with self._engine.begin() as connection:
            found = Found(site, place, cause, "report", kept)
            self._check(connection, found, ("report",))
            if cause not in kinds_for_public():
                names = list(kinds_for_public())
                raise Invalid({"kind": f"one of {', '.join(names)}"}, zh={"kind": f"须为：{'、'.join(names)}"})
            ticket = self._enter(connection, found, "", graded=False)
            row = {"receipt": digest(receipt), "site": site, "danger": ticket.danger, "created_ns": self._clock()}
            connection.execute(insert(public_reports).values(row))
        return receipt

    def add_photo(self, danger_id: str, actor: Actor, sent: Sent, *, code: str = "") -> str:
        """Add a photo of a person with an account; return its id. Raises Forbidden, NotFound, Invalid.

        code: of the QR sign that the person scanned at the spot, "" without one.
        """
        require(actor, "report_danger")
        with self._engine.execution_options(writes=False).connect() as connection:
            if not actor.sees(self._ticketing(connection).dangers.find(danger_id).site):
                raise NotFound("danger", danger_id)
        if not sent.sha256:
            raise Invalid(photos.UNDIGESTED[0], zh=photos.UNDIGESTED[1])
        photo = photos.prepare(self._scanned(sent, code, actor) if code else sent)
        with self._engine.begin() as connection:
            danger = self._ticketing(connection).dangers.find(danger_id)
            return photos.add(connection, danger, photo, actor.username, now_ns=self._clock())

    def _scanned(self, sent: Sent, code: str, actor: Actor) -> Sent:
        """Return the photo with the place of the sign. Raises Invalid for a foreign or changed sign."""
        found = self._codes.read(code)
        if found is None or not actor.sees(found[0]):
            raise Invalid({"place_code": "the code of a QR sign of this school"}, zh={"place_code": "不是本校的二维码"})
        return replace(sent, place=found[1], scanned=True)

    def add_public_photo(self, receipt: str, content: bytes, *, address: str) -> None:
        """Add a photo to a public report within an hour. Raises NotFound, Invalid, TooManyReports."""
        self.limits.check(address, f"photo {digest(receipt)}", from_address=REPORTS_OF_PLACE)
        now_ns = self._clock()
        query = select(public_reports).where(public_reports.c.receipt == digest(receipt))
        with self._engine.execution_options(writes=False).connect() as connection:
            row = connection.execute(query).first()
        if row is None or now_ns - row.created_ns > PHOTO_WINDOW_NS:
            raise NotFound("receipt", "")
        photo = photos.prepare(Sent(content, "found", now_ns))
        with self._engine.begin() as connection:
            danger = self._ticketing(connection).dangers.find(row.danger)
            photos.add(connection, danger, photo, "", now_ns=now_ns)

    def import_clauses(self, actor: Actor, rows: list[Clause]) -> None:
        """Store imported clauses of major-danger criteria. Raises Forbidden."""
        require(actor, "import_guide")
        with self._engine.begin() as connection:
            guide.store(connection, rows, actor.username, now_ns=self._clock())

    def _check(self, connection: Connection, found: Found, sources: tuple[str, ...]) -> None:
        wrong: dict[str, tuple[str, str]] = {}
        if (found.site, found.place) not in self._registry.places:
            wrong["place"] = f"a place of {found.site} in the register", "须为本校登记的场所"
        if found.cause not in danger_kinds():
            wrong["kind"] = f"one of {', '.join(danger_kinds())}", f"须为：{'、'.join(danger_kinds())}"
        if found.source not in sources:
            wrong["source"] = f"one of {', '.join(sources)}", f"须为：{'、'.join(sources)}"
        if foreign := sorted(set(found.clauses) - guide.clauses(connection).keys()):
            wrong["clauses"] = f"known clauses; unknown: {', '.join(foreign)}", f"没有条款：{'、'.join(foreign)}"
        if not found.text.strip():
            wrong["text"] = "a description", "请填写情况说明"
        if wrong:
            raise Invalid.in_both(wrong)

    def _enter(self, connection: Connection, found: Found, actor: str, *, graded: bool) -> Ticket:
        ticketing, now_ns, kind = self._ticketing(connection), self._clock(), danger_kinds()[found.cause]
        words = {"zh": found.text, "en": found.text}
        grade = found.grade or kind.grade
        same = ticketing.standing(found.site, found.place, found.cause, now_ns)
        ended = same is not None and same[1].state in {"closed", "observing"}
        if same is not None and not (ended and not actor):  # no stranger reopens a file
            danger, ticket = same
            danger = ticketing.dangers.found_again(danger, actor, source=found.source, text=words, now_ns=now_ns)
            self._cite(ticketing, danger, found, actor, now_ns)
            if ended:
                worse = min(ticket.grade, found.grade or ticket.grade)
                return ticketing.relapse(danger, ticket, worse, actor or "public", now_ns=now_ns)
            return ticketing.regraded(danger, ticket, found.grade or ticket.grade, actor, now_ns=now_ns)
        number = secrets.token_hex(8)
        danger = ticketing.dangers.add_by_person(
            site=found.site,
            place=found.place,
            cause=found.cause,
            source=found.source,
            text=words,
            clauses=found.clauses,
            actor=actor,
            number=number,
            now_ns=now_ns,
        )
        return ticketing.writer.open(danger, grade, actor or "public", hazard=None, graded=graded, now_ns=now_ns)

    @staticmethod
    def _cite(ticketing: Tickets, danger: Danger, found: Found, actor: str, now_ns: int) -> None:
        more = tuple(dict.fromkeys((*danger.clauses, *found.clauses)))
        if more != danger.clauses:
            ticketing.dangers.cite(danger, more, actor, now_ns)


def digest(receipt: str) -> str:
    """Return the stored form of a receipt; spaces, dashes and case of the shown number do not count."""
    plain = re.sub(r"[\s-]", "", receipt).upper()
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()
