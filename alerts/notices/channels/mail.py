"""E-mail by SMTP: one message in both languages, over TLS, with the notice's id as its Message-ID.

A 4xx response is retried, a 5xx response is permanent (RFC 5321, 4.2.1). A message that one recipient accepted is
delivered.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Annotated

from annotated_types import Interval, Unit, doc

from alerts.model import Notice, Receipt
from ingest.tables import FilledText, Reads, one_of

from .people import text, title
from .routes import NO_ADDRESS, PersonalRoute, address_of

TIMEOUT_S = 4.0
"""Limit of one step of the dialogue with the server; the outbox limits the whole delivery."""
SECURITY = ("tls", "starttls", "none")
_PERMANENT = 500
_SUBJECT_MAX = 200


def _address(given: str) -> str:
    address = Address(addr_spec=given)
    if not address.domain or not given.isascii():
        raise ValueError
    return address.addr_spec


MailAddress = Annotated[str, Reads(_address, "an e-mail address such as li@school.example")]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings(PersonalRoute):
    """E-mail by an SMTP server."""

    host: Annotated[FilledText, doc("name of the SMTP server")]
    sender: Annotated[MailAddress, doc("address of the sender")]
    recipients: Annotated[
        tuple[MailAddress, ...], doc("addresses of the recipients; empty: contacts of the roster")
    ] = ()
    port: Annotated[int, Interval(ge=1, le=65_535), doc("port; usually 465 for tls, 587 for starttls")] = 465
    security: Annotated[
        str, one_of(SECURITY), doc("`tls`, `starttls`, or `none` for a server of the local network without account")
    ] = "tls"
    username: Annotated[str, doc("account at the server; empty for none")] = ""
    password: Annotated[str, doc("its password")] = field(default="", repr=False)
    timeout_s: Annotated[float, Interval(ge=0.5, le=10), Unit("s"), doc("limit of one step of the SMTP dialogue")] = (
        TIMEOUT_S
    )

    def errors(self) -> Iterable[str]:
        """Yield contradictions between the keys."""
        yield from PersonalRoute.errors(self)
        if self.username and self.security == "none":
            yield "security = 'none': a password would travel unencrypted; allowed is tls or starttls"


class MailChannel:
    """One SMTP server with its recipients, or for the contacts of the roster. Not thread-safe."""

    for_programs = False

    def __init__(self, settings: MailSettings) -> None:
        self.name, self._settings = settings.name, settings
        if not settings.recipients:
            self.medium = "email"
        self._tls = None if settings.security == "none" else ssl.create_default_context()

    def deliver(self, notice: Notice) -> Receipt:
        """Send the message once to all recipients, or to the person of the notice."""
        recipients = self._settings.recipients or tuple(filter(None, (address_of(notice),)))
        if not recipients:
            return NO_ADDRESS
        try:
            refused = self._send(self._message(notice, recipients), recipients)
        except smtplib.SMTPRecipientsRefused as error:
            return _refusal(error.recipients)
        except smtplib.SMTPResponseException as error:
            permanent = error.smtp_code >= _PERMANENT
            return Receipt(delivered=False, retry=not permanent, error=f"SMTP {error.smtp_code}")
        except smtplib.SMTPNotSupportedError:
            return Receipt(delivered=False, retry=False, error=f"the server lacks {self._settings.security} or sign-in")
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return Receipt(delivered=False, error=type(error).__name__)
        return Receipt(delivered=True, error=f"{len(refused)} recipients refused" if refused else "")

    def _send(self, message: EmailMessage, recipients: Sequence[str]) -> dict[str, tuple[int, bytes]]:
        """Return the refused recipients. Raises smtplib.SMTPException and OSError."""
        settings = self._settings
        with self._connected() as server:
            if settings.security == "starttls":
                server.starttls(context=self._tls)
            if settings.username:
                server.login(settings.username, settings.password)
            return server.send_message(message, settings.sender, recipients)

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        host, port, timeout_s = settings.host, settings.port, settings.timeout_s
        name = socket.gethostname() or "localhost"
        if settings.security == "tls":
            return smtplib.SMTP_SSL(host, port, name, timeout=timeout_s, context=self._tls)
        return smtplib.SMTP(host, port, name, timeout=timeout_s)

    def _message(self, notice: Notice, recipients: Sequence[str]) -> EmailMessage:
        """Return the message. Its Message-ID derives from the notice, so that repeats are recognised."""
        settings, message = self._settings, EmailMessage()
        message["From"], message["To"] = settings.sender, ", ".join(recipients)
        message["Subject"] = title(notice).replace("\n", " ")[:_SUBJECT_MAX]
        message["Message-ID"] = f"<{notice.id}@{settings.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic replies
        if notice.body.get("grade") == "red":
            message["Importance"] = "high"
        message.set_content(text(notice))
        return message


def _refusal(recipients: dict[str, tuple[int, bytes]]) -> Receipt:
    """Return the receipt of a message that no recipient accepted."""
    codes = sorted({code for code, _ in recipients.values()})
    permanent = all(code >= _PERMANENT for code in codes)
    return Receipt(delivered=False, retry=not permanent, error=f"all recipients refused: SMTP {codes}")
