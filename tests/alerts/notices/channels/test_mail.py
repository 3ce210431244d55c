"""E-mail against aiosmtpd: sign-in, STARTTLS, refusals, repeats."""

from __future__ import annotations

import email
import email.policy
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from alerts import Notice
from alerts.notices.channels import mail
from alerts.notices.channels.mail import MailChannel, MailSettings


class Inbox:
    """Keeps messages; refuses the recipients of `refused` with their codes."""

    def __init__(self) -> None:
        self.mails: list[email.message.Message] = []
        self.refused: dict[str, str] = {}

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802 - name of aiosmtpd
        """Accept or refuse one recipient."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - as above
        """Keep the message."""
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"


def signed_in(_server: Any, _session: Any, _envelope: Any, mechanism: str, data: Any) -> AuthResult:
    """Accept one account."""
    good = mechanism in {"LOGIN", "PLAIN"} and (data.login, data.password) == (b"school", b"pass-word")
    return AuthResult(success=good, handled=good)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a file with key and certificate of 127.0.0.1."""
    path = tmp_path / "both.pem"
    options = ["-newkey", "rsa:2048", "-nodes", "-x509", "-days", "2", "-subj", "/CN=127.0.0.1"]
    options += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path), "-out", str(tmp_path / "cert.pem")]
    subprocess.run(["openssl", "req", *options], check=True, capture_output=True)
    path.write_text(path.read_text() + (tmp_path / "cert.pem").read_text())
    return path


@pytest.fixture
def servers(free_port: Callable[[], int]) -> Iterator[Callable[..., tuple[Inbox, int]]]:
    """Return a function that starts a server; the test's end stops it."""
    running = []

    def start(**options: Any) -> tuple[Inbox, int]:
        inbox = Inbox()
        server = Controller(inbox, hostname="127.0.0.1", port=free_port(), ready_timeout=30, **options)
        server.start()
        running.append(server)
        return inbox, server.port

    yield start
    for server in running:
        server.stop()


def settings(port: int, **changes: Any) -> MailSettings:
    """Return settings of a plain server."""
    given = {"name": "mail", "host": "127.0.0.1", "port": port, "sender": "alarm@school.example", "security": "none"}
    return MailSettings(**(given | {"recipients": ("li@school.example",)} | changes))


def test_a_page_has_both_languages_and_the_id_of_its_notice(servers: Any, notice: Callable[..., Notice]) -> None:
    """A repeat has the same Message-ID, so that mail programs show it once."""
    inbox, port = servers()
    channel = MailChannel(settings(port))
    assert [channel.deliver(notice()).delivered for _ in range(2)] == [True, True]
    first, second = inbox.mails
    assert first["message-id"] == second["message-id"] == "<msg_1@school.example>"
    assert "101室" in first["subject"]
    assert "Room 101" in first["subject"]
    assert all(word in first.get_content() for word in ("烟雾", "smoke"))


def test_a_drill_is_marked_before_everything_else(servers: Any, notice: Callable[..., Notice]) -> None:
    """Nobody takes an exercise for an emergency."""
    inbox, port = servers()
    assert MailChannel(settings(port)).deliver(notice(drill=True)).delivered
    assert inbox.mails[0]["subject"].startswith("【演练")
    assert "DRILL" in inbox.mails[0]["subject"]


def test_the_password_travels_after_starttls_only(
    servers: Any, certificate: Path, notice: Callable[..., Notice], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server without STARTTLS gets no password; a wrong password is a permanent failure without the password."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    trusted = ssl.create_default_context(cafile=str(certificate.with_name("cert.pem")))
    monkeypatch.setattr(mail.ssl, "create_default_context", lambda: trusted)
    inbox, port = servers(tls_context=context, authenticator=signed_in, auth_required=True)
    account = {"security": "starttls", "username": "school", "password": "pass-word"}
    assert MailChannel(settings(port, **account)).deliver(notice()).delivered
    assert len(inbox.mails) == 1
    refused = MailChannel(settings(port, **account | {"password": "other-word"})).deliver(notice())
    assert (refused.delivered, refused.retry) == (False, False)
    assert "other-word" not in refused.error
    _, plain = servers()
    assert not MailChannel(settings(plain, **account)).deliver(notice()).delivered


@pytest.mark.parametrize(("code", "retry"), [("450 later", True), ("550 unknown", False)])
def test_a_refusal_is_classified_by_its_code(
    servers: Any, notice: Callable[..., Notice], code: str, *, retry: bool
) -> None:
    """4xx is retried, 5xx is not; one accepted recipient is a delivery that names the number of refusals."""
    inbox, port = servers()
    inbox.refused["li@school.example"] = code
    receipt = MailChannel(settings(port)).deliver(notice())
    assert (receipt.delivered, receipt.retry) == (False, retry)
    both = MailChannel(settings(port, recipients=("li@school.example", "wang@school.example"))).deliver(notice())
    assert (both.delivered, both.error) == (True, "1 recipients refused")


def test_contradicting_keys_are_errors() -> None:
    """A password over a plain connection and own work without an account are refused."""
    wrong = settings(25, username="a", receives=("own_work",))
    assert len(list(wrong.errors())) == 2
