"""CAP documents to a bureau: a folder that keeps each document, and the bureau's HTTPS address.

The folder holds the state of the channel: an Update or Cancel refers to the documents that were sent before it, also
after a restart. A document is written once as `.pending`, sent with the same bytes in every attempt, and renamed after
its receipt. A school issues no public warning, so the scope is Private or Restricted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from xml.etree.ElementTree import ParseError, fromstring

from annotated_types import Interval, Unit, doc

from alerts.errors import ChannelError
from alerts.model import Notice, Receipt
from ingest.tables import FilledText, one_of

from .cap_document import BEIJING, GB, PROFILES, Frame, document, write_document
from .cap_rules import NAMESPACE, cap_errors
from .destinations import read_destination
from .exchange import FAILURES, Exchange
from .receipts import http_receipt
from .routes import FOLDER, Route, of_no_hazard

TIMEOUT_S = 10.0
REFERENCES_MAX = 50
SERIALS = 10
"""Documents of one second in the Chinese profile."""
_ALARM = re.compile(r"[0-9a-zA-Z_-]{1,64}", re.ASCII)
_GB_SENDER = re.compile(r"[0-9A-Z]{14}", re.ASCII)
_SENDER = re.compile(r"[^\s,<&]{1,100}")
_SENT = frozenset(("hazard.opened", "hazard.raised", "hazard.relapsed", "hazard.cleared", "ticket.mark_false"))
_ENDS = frozenset(("hazard.cleared", "ticket.mark_false"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CapSettings(Route):
    """CAP 1.2 and its Chinese profile, to a bureau."""

    folder: Annotated[Path, FOLDER, doc("folder that keeps every document; created with mode 0700")]
    sender: Annotated[FilledText, doc("sender; in the profile gbt35965 the 14 characters of region, body and unit")]
    url: Annotated[str, doc("the bureau's HTTPS address; empty: the folder alone")] = ""
    token: Annotated[str, doc("bearer token of the address; empty for none")] = field(default="", repr=False)
    allow_private: Annotated[bool, doc("whether the address may be private or plain http")] = False
    profile: Annotated[str, one_of(PROFILES), doc("`cap` (CAP 1.2) or `gbt35965` (GB/T 35965.1)")] = "cap"
    scope: Annotated[str, one_of(("Private", "Restricted")), doc("a school issues no public warning")] = "Private"
    audience: Annotated[FilledText, doc("addressees of scope Private, or the restriction")] = "education-bureau"
    events: Annotated[Mapping[str, str], doc("kind of hazard -> event code of the bureau's table")] = field(
        default_factory=dict
    )
    drills: Annotated[bool, doc("whether drills are sent, as Exercise")] = False
    expires_h: Annotated[float, Interval(ge=1, le=168), Unit("h"), doc("validity that a document states")] = 24.0

    def errors(self) -> Iterable[str]:
        """Yield contradictions between the keys."""
        if self.profile == GB and not _GB_SENDER.fullmatch(self.sender):
            yield f"sender = {self.sender!r}: allowed are 14 digits or capitals in the profile {GB}"
        if not _SENDER.fullmatch(self.sender):
            yield f"sender = {self.sender!r}: allowed is a text without spaces, commas, < and &"


class CapChannel:
    """One bureau. It receives pages of hazards, their ends and false reports."""

    for_programs = True
    keeps_state = True

    def __init__(self, settings: CapSettings, clock: Callable[[], int]) -> None:
        """Create the folder. Raises ChannelError for an unusable folder or URL. clock: ns since 1970 UTC."""
        self.name, self._settings, self._clock = settings.name, settings, clock
        self._exchange: Exchange | None = None
        self._begin, self._serial = "", 0
        try:
            settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ChannelError(f"{settings.name}: {settings.folder}: {error.strerror}") from error
        if settings.url:
            to = read_destination(settings.name, settings.url, allow_private=settings.allow_private)
            self._exchange = Exchange(to, allow_private=settings.allow_private, timeout_s=TIMEOUT_S)

    def accepts(self, kind: str, body: Mapping[str, Any], *, pages: bool) -> bool:
        """Return whether the notice pages, ends a hazard or reports it as false."""
        if (body.get("drill") and not self._settings.drills) or of_no_hazard(body):
            return False
        drill_begins = bool(body.get("drill")) and kind == "hazard.opened"
        return kind in _SENT and (pages or kind in _ENDS or drill_begins)

    def deliver(self, notice: Notice) -> Receipt:
        """Write the document of the notice once, send it, and keep it."""
        alarm = str(notice.body.get("alarm_id", ""))
        if not _ALARM.fullmatch(alarm):
            return Receipt(delivered=False, retry=False, error="the notice is about no hazard")
        try:
            path = self._written(notice, alarm)
            if path is None or path.suffix == ".xml":
                return Receipt(delivered=True)
            receipt = self._sent(path.read_bytes())
            if receipt.delivered:
                path.rename(path.with_suffix(".xml"))
        except (*FAILURES, OSError, ValueError, ParseError) as error:
            return Receipt(delivered=False, error=f"{type(error).__name__}: {error}")
        return receipt

    def _sent(self, content: bytes) -> Receipt:
        if self._exchange is None:
            return Receipt(delivered=True)
        headers = {"content-type": "application/cap+xml"}
        if self._settings.token:
            headers["authorization"] = f"Bearer {self._settings.token}"
        return http_receipt(self._exchange.post(headers, content))

    def _written(self, notice: Notice, alarm: str) -> Path | None:
        """Return the file of the notice, written unless it exists; None if there is nothing to end.

        Raises OSError and ValueError, for a document that the standard does not permit.
        """
        folder, settings = self._settings.folder, self._settings
        known = sorted(folder.glob(f"{alarm}.*.{notice.id}.*"))
        if known:
            return known[0]
        references = self._references(alarm)
        if notice.type in _ENDS and not references:
            return None
        sent_ns = self._clock()
        identifier, number = self._identifier(notice, sent_ns), len(list(folder.glob(f"{alarm}.*")))
        frame = Frame(
            identifier=identifier,
            sender=settings.sender,
            sent_ns=sent_ns,
            profile=settings.profile,
            scope=settings.scope,
            audience=settings.audience,
            references=references,
            events=settings.events,
            expires_ns=sent_ns + int(settings.expires_h * 3_600e9),
        )
        root = document(notice, frame)
        errors = [] if settings.profile == GB else cap_errors(root)
        if errors:
            raise ValueError(errors[0])
        path = folder / f"{alarm}.{number:04d}.{notice.id}.pending"
        draft = path.with_suffix(".draft")
        draft.write_bytes(write_document(root))
        draft.chmod(0o600)
        return draft.rename(path)

    def _references(self, alarm: str) -> tuple[str, ...]:
        """Return the documents sent since the last end of the alarm, as `sender,identifier,sent`, oldest first."""
        found: list[str] = []
        for path in sorted(self._settings.folder.glob(f"{alarm}.*.xml")):
            root = fromstring(path.read_bytes())  # noqa: S314 - written by this channel
            facts = [root.findtext(f"{{{NAMESPACE}}}{name}", "") for name in ("sender", "identifier", "sent")]
            ended = root.findtext(f"{{{NAMESPACE}}}msgType") == "Cancel"
            ended = ended or root.find(f".//{{{NAMESPACE}}}responseType") is not None
            # a reference contains no space, also where the profile's times have one
            found = [] if ended else [*found, ",".join(facts).replace(" ", "T")]
        return tuple(found[-REFERENCES_MAX:])

    def _identifier(self, notice: Notice, sent_ns: int) -> str:
        """Return the notice's id; in the Chinese profile a number of 31 characters. Raises ValueError without one."""
        if self._settings.profile != GB:
            return notice.id
        instant = datetime.fromtimestamp(sent_ns // 1_000_000_000, UTC).astimezone(BEIJING)
        begin = f"{self._settings.sender}_{instant:%Y%m%d%H%M%S}"
        serial = self._serial + 1 if begin == self._begin else 0
        if serial >= SERIALS:
            raise ValueError(f"{SERIALS} documents in one second; the profile has no further number")
        self._begin, self._serial = begin, serial
        return f"{begin}_{serial}"
