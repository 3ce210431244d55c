"""SMS by a local modem: spool folders of gammu-smsd, with its receipts and the replies of recipients.

The file `OUT<priority><date>_<time>_<serial>_<recipient>_<note>.txt` in the outbox is one message. Its note has the id
of the notice, so an attempt never writes it twice. gammu-smsd moves the file to the folder of sent messages or of
errors: that is the receipt. A reply is `IN<date>_<time>_<serial>_<sender>_<sequence>.txt` in the inbox.

Source: gammu-smsd-files(7) of Gammu 1.42. The texts are UTF-16 with a byte order mark.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import structlog
from annotated_types import doc

from alerts.errors import ChannelError
from alerts.model import Notice, Receipt

from .contract import Answers
from .routes import FOLDER, NO_ADDRESS, PersonalRoute, address_of
from .sms_gateway import PhoneNumber, sms_words

PRIORITIES: Mapping[str, str] = {"red": "A", "orange": "C", "yellow": "E", "blue": "G"}
INBOX_S = 1.0
"""Interval between two reads of the inbox."""
REPLIES_MAX = 100
"""Files of the inbox that one turn reads."""
_INCOMING = re.compile(r"IN\d{8}_\d{6}_\d{2}_(\+?[0-9]{1,20})_\d{2}\.txt", re.ASCII)
_LENGTH_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolSettings(PersonalRoute):
    """SMS by gammu-smsd's spool folders."""

    numbers: Annotated[
        tuple[PhoneNumber, ...], doc("recipients, with + and country code; empty: contacts of the roster")
    ]
    outbox: Annotated[Path, FOLDER, doc("outboxpath of gammu-smsd")]
    sent: Annotated[Path, FOLDER, doc("sentsmspath of gammu-smsd; another folder than the outbox")]
    errors_folder: Annotated[Path, FOLDER, doc("errorsmspath of gammu-smsd")]
    inbox: Annotated[Path | None, FOLDER, doc("inboxpath of gammu-smsd, for replies; without it none are read")] = None

    def errors(self) -> Iterable[str]:
        """Yield contradictions between the keys."""
        yield from PersonalRoute.errors(self)
        if len({self.outbox, self.sent, self.errors_folder}) < 3:  # noqa: PLR2004 - three folders
            yield "sent: the folders outbox, sent and errors_folder must differ, or no receipt is visible"


class SpoolChannel:
    """One modem with its recipients. A message is delivered once the modem has sent it."""

    for_programs = False

    def __init__(self, settings: SpoolSettings, *, now: Callable[[], datetime] = datetime.now) -> None:
        """Raises ChannelError for a missing folder."""
        self.name, self._settings, self._now = settings.name, settings, now
        self.replies: SpoolReplies | None = None
        if not settings.numbers:
            self.medium = "sms"
        for folder in (settings.outbox, settings.sent, settings.errors_folder, settings.inbox):
            if folder is not None and not folder.is_dir():
                raise ChannelError(f"{settings.name}: {folder} is no folder; allowed are the folders of gammu-smsd")
        for folder in (settings.outbox, settings.inbox):
            if folder is not None and not os.access(folder, os.W_OK | os.X_OK):
                raise ChannelError(f"{settings.name}: {folder} is not writable; allowed is a folder of this account")

    def deliver(self, notice: Notice) -> Receipt:
        """Write the message of each number once; return the receipts of the modem."""
        numbers = self._settings.numbers or tuple(filter(None, (address_of(notice),)))
        if not numbers:
            return NO_ADDRESS
        try:
            states = [self._state(notice, number) for number in numbers]
        except OSError as error:
            return Receipt(delivered=False, error=f"{type(error).__name__}: {error.strerror}")
        failed, waiting = states.count("failed"), states.count("waiting")
        if waiting:
            return Receipt(delivered=False, error=f"{waiting} of {len(states)} messages wait for the modem")
        if failed == len(states):
            return Receipt(delivered=False, retry=False, error="the modem could not send any message")
        return Receipt(delivered=True, error=f"{failed} of {len(states)} messages failed" if failed else "")

    def connect(self, answers: Answers) -> None:
        """Read the replies of the inbox from now on, if it has one."""
        if self._settings.inbox is not None and self.replies is None:
            self.replies = SpoolReplies(self._settings.inbox, answers)
            self.replies.start()

    def close(self) -> None:
        """End the reading of replies."""
        if self.replies is not None:
            self.replies.stop()

    def _state(self, notice: Notice, number: str) -> str:
        """Return sent, failed or waiting; write the message if no folder has it. Raises OSError."""
        settings, pattern = self._settings, f"OUT*_{number}_{_note(notice)}.txt*"
        for folder, state in (
            (settings.outbox, "waiting"),
            (settings.sent, "sent"),
            (settings.errors_folder, "failed"),
        ):
            if next(folder.glob(pattern), None) is not None:
                return state
        priority = PRIORITIES.get(str(notice.body.get("grade")), "G")
        stamp = f"{self._now():%Y%m%d_%H%M%S}"
        name = f"OUT{priority}{stamp}_00_{number}_{_note(notice)}.txt"
        draft = settings.outbox / f".{name}.draft"
        draft.write_bytes(sms_words(notice.body)["text"][:_LENGTH_MAX].encode("utf-16"))
        draft.rename(settings.outbox / name)  # gammu-smsd never reads half a message
        return "waiting"


class SpoolReplies:
    """Replies in the inbox; each file is removed after its answer. One thread."""

    def __init__(self, inbox: Path, answers: Answers) -> None:
        """answers: refuses strangers, and texts without the code of an alarm."""
        self._inbox, self._answers = inbox, answers
        self.accepted_total = self.refused_total = self.errors_total = 0
        self._handled: set[tuple[str, int]] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sms-replies", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def turn(self) -> int:
        """Read and remove waiting replies, oldest first; return their number. Each is answered once.

        Raises the last error after all files: a file that cannot be read or removed delays no other.
        """
        found = sorted(path for path in self._inbox.iterdir() if _INCOMING.fullmatch(path.name))
        known = {path: (path.name, path.stat().st_mtime_ns) for path in found}
        self._handled &= set(known.values())
        waiting = [path for path in found if known[path] not in self._handled][:REPLIES_MAX]
        fault: Exception | None = None
        for path in [*waiting, *(path for path in found if known[path] in self._handled)]:
            try:
                if known[path] not in self._handled:
                    self._read(path)
                    self._handled.add(known[path])
                path.unlink()
            except Exception as error:  # noqa: BLE001 - raised after the other files
                fault = error
        if fault is not None:
            raise fault
        return len(waiting)

    def _run(self) -> None:
        while not self._stopping.wait(INBOX_S):
            try:
                self.turn()
            except Exception as error:  # noqa: BLE001 - a thread that stops would lose every later reply
                self.errors_total += 1
                if self.errors_total == 1:
                    log = structlog.get_logger(part="sms replies")
                    log.warning("replies cannot be read; the thread retries", error=type(error).__name__)

    def _read(self, path: Path) -> None:
        match = _INCOMING.fullmatch(path.name)
        text = _text(path.read_bytes()[: 4 * _LENGTH_MAX])
        accepted = self._answers.by_reply(match[1] if match else "", text).accepted
        self.accepted_total += accepted
        self.refused_total += not accepted


def _note(notice: Notice) -> str:
    return re.sub(r"[^0-9a-zA-Z-]", "-", notice.id)[:80]


def _text(content: bytes) -> str:
    for encoding in ("utf-16",) if content.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8", "utf-16-be"):
        try:
            return content.decode(encoding).strip()
        except UnicodeDecodeError:
            continue
    return ""
