"""Signed webhooks against a real HTTP server: success, failure, redirect, oversized response, hang."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import hmac
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from alerts.model import Notice
from alerts.notices.channels import Channel, ChannelError, NotifySettings, open_channels
from alerts.notices.channels.people import PeopleChannel
from alerts.notices.channels.webhook import Webhook, read_secret, read_secrets, sign

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
NOTICE = Notice(
    id="msg_1",
    site="school-1",
    hazard="h",
    ticket="t",
    channel="webhook-1",
    type="hazard.opened",
    created_ns=1_790_000_000_000_000_000,
    body={
        "alarm_id": "h",
        "grade": "red",
        "place": {"zh": "101室", "en": "Room 101"},
        "text": {"zh": "烟", "en": "smoke"},
    },
    state="pending",
    attempts=0,
    next_ns=0,
    delivered_ns=None,
    error="",
)


class Receiver(ThreadingHTTPServer):
    """An HTTP server that answers with `behave` and stores every request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.behave: Callable[[BaseHTTPRequestHandler], None] = answer(204)

    @property
    def url(self) -> str:
        """Return its URL."""
        return f"http://127.0.0.1:{self.server_port}/in?x=1"


class Handler(BaseHTTPRequestHandler):
    """Passes each POST to the server."""

    server: Receiver

    def do_POST(self) -> None:
        """Store the request and answer."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        self.server.behave(self)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def answer(status: int, body: bytes = b"", **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return a behaviour with one complete response."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return behave


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Run a server on a free loopback port."""
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Mailbox:
    """An SMTP server for one connection at a time that accepts sign-in and every mail."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.mails: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                with connection, connection.makefile("rwb", buffering=0) as stream:
                    stream.write(b"220 test\r\n")
                    for line in stream:
                        self._answer(stream, line.strip().upper())

    def _answer(self, stream: Any, line: bytes) -> None:
        if line == b"DATA":
            stream.write(b"354 go on\r\n")
            lines = []
            for text in stream:
                if text == b".\r\n":
                    break
                lines.append(text)
            self.mails.append(b"".join(lines))
        elif line.startswith(b"EHLO"):
            stream.write(b"250-test\r\n250 AUTH PLAIN\r\n")
            return
        elif line.startswith(b"AUTH"):
            stream.write(b"235 accepted\r\n")
            return
        stream.write(b"250 ok\r\n")

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """Run an SMTP server on a free loopback port."""
    made = Mailbox()
    yield made
    made.close()


def webhook(url: str) -> Webhook:
    """Return a webhook with loopback allowed and a fixed time."""
    return Webhook("webhook-1", url, [KEY], allow_private=True, now_s=lambda: 1_674_087_231)


def test_the_signature_of_the_specifications_example() -> None:
    """Known answer: id, timestamp, body, secret and signature as published with the specification's libraries."""
    key = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_delivery_carries_id_time_and_signature_over_the_sent_bytes(receiver: Receiver) -> None:
    """A receiver needs only the raw body and the shared secret."""
    assert webhook(receiver.url).deliver(NOTICE).delivered
    ((path, headers, body),) = receiver.requests
    assert path == "/in?x=1"
    assert headers["host"] == f"127.0.0.1:{receiver.server_port}"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg_1", "1674087231")
    sent = json.loads(body)
    assert (set(sent), sent["type"], sent["data"]["alarm_id"]) == ({"type", "timestamp", "data"}, "hazard.opened", "h")


@pytest.mark.parametrize(
    ("status", "delivered", "retry"),
    [(200, True, None), (204, True, None), (400, False, False), (404, False, False), (410, False, False),
     (408, False, True), (429, False, True), (500, False, True), (503, False, True)],
)  # fmt: skip
def test_a_response_is_classified_as_retryable_or_permanent(
    receiver: Receiver, status: int, *, delivered: bool, retry: bool | None
) -> None:
    """2xx is a receipt, a rejection is permanent, an overload is retryable."""
    receiver.behave = answer(status)
    receipt = webhook(receiver.url).deliver(NOTICE)
    assert receipt.delivered is delivered
    assert retry is None or receipt.retry is retry


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    """The signed message goes only to the checked address."""
    receiver.behave = answer(307, location=receiver.url)
    assert not webhook(receiver.url).deliver(NOTICE).delivered
    assert len(receiver.requests) == 1


def test_an_oversized_response_is_cut_off(receiver: Receiver) -> None:
    """A response of a hundred megabytes is neither read nor stored."""

    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", str(100_000_000))
        handler.end_headers()
        sent = 0
        try:
            while sent < 100_000_000:
                sent += handler.wfile.write(bytes(65_536))
        except OSError:
            taken.append(sent)

    taken: list[int] = []
    receiver.behave = flood
    assert webhook(receiver.url).deliver(NOTICE).delivered
    deadline = time.monotonic() + 20
    while not taken and time.monotonic() < deadline:
        time.sleep(0.01)
    assert taken[0] < 20_000_000


def test_a_receiver_without_response_times_out_and_is_retried(receiver: Receiver) -> None:
    """The timeout is five seconds."""
    released = threading.Event()
    receiver.behave = lambda _: released.wait(10) and None
    before = time.monotonic()
    receipt = webhook(receiver.url).deliver(NOTICE)
    took_s = time.monotonic() - before
    released.set()
    assert (receipt.delivered, receipt.retry) == (False, True)
    assert 4 < took_s < 7


def test_a_slow_response_is_cut_off(receiver: Receiver) -> None:
    """The time limit covers the delivery, not each read."""
    released = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "60")
        handler.end_headers()
        with suppress(OSError):
            for _ in range(60):
                if released.wait(0.3):
                    return
                handler.wfile.write(b".")

    receiver.behave = drip
    before = time.monotonic()
    receipt = webhook(receiver.url).deliver(NOTICE)
    took_s = time.monotonic() - before
    released.set()
    assert receipt.delivered
    assert took_s < 8


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nx-a: "], ids=["nothing", "headers"])
def test_slow_headers_are_cut_off(start: bytes) -> None:
    """A receiver that sends its status or headers byte by byte gets no more time than any other."""
    released = threading.Event()

    def drip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            connection.sendall(start)
            while not released.wait(0.2):
                connection.sendall(b"H" if not start else b"a")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=drip, args=(listening,), daemon=True).start()
        before = time.monotonic()
        receipt = webhook(f"http://127.0.0.1:{listening.getsockname()[1]}/").deliver(NOTICE)
        took_s = time.monotonic() - before
    released.set()
    assert (receipt.delivered, receipt.retry) == (False, True)
    assert took_s < 6


def test_two_secrets_sign_while_one_is_rotated(receiver: Receiver, tmp_path: Path) -> None:
    """Receivers with the former or the new secret accept the same delivery."""
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    former = bytes(range(32, 64))
    path.write_text(f"{SECRET}\nwhsec_{base64.b64encode(former).decode()}\n")
    (hook,) = open_channels(NotifySettings(webhooks=(receiver.url,), webhook_secret_file=path, allow_private=True))
    assert hook.deliver(NOTICE).delivered
    ((_, headers, body),) = receiver.requests
    stamp = int(headers["webhook-timestamp"])
    expected = [sign(key, "msg_1", stamp, body) for key in (KEY, former)]
    assert headers["webhook-signature"].split(" ") == expected
    with pytest.raises(ChannelError, match="3 secrets"):
        read_secrets(f"{SECRET}\n" * 3)
    with pytest.raises(ChannelError, match="0 secrets"):
        read_secrets("\n")


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise probes for it
def test_names_in_an_e_mail_are_text(mailbox: Mailbox) -> None:
    """A device or place with the name of a link arrives as text in both parts of the mail."""
    channel = PeopleChannel(
        "people-1", f"mailto://a:b@127.0.0.1:{mailbox.port}?mode=insecure&from=a@example.org&to=c@example.org"
    )
    place = {"zh": "<b>evil.com</b>", "en": "https://evil.com/x"}
    text = {"zh": "[门](https://evil.com)", "en": "smoke at <a href='https://evil.com'>evil.com</a>"}
    assert channel.deliver(replace(NOTICE, body={"grade": "red", "place": place, "text": text})).delivered
    mail = email.message_from_bytes(mailbox.mails[0], policy=email.policy.default)
    parts = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
    shown = "".join([str(mail["subject"]), *parts])
    assert "evil" in shown
    for mark in ("evil.com", "://", "<a ", "<b>", "]("):
        assert mark not in shown, mark


def test_a_body_over_the_limit_is_final(receiver: Receiver) -> None:
    """A retry would fail as well."""
    receipt = webhook(receiver.url).deliver(replace(NOTICE, body={"text": "x" * 20_000}))
    assert (receipt.delivered, receipt.retry, receiver.requests) == (False, False, [])


def test_nothing_is_sent_to_a_private_address_unless_allowed(receiver: Receiver) -> None:
    """The resolved address is checked; plain http is rejected as well."""
    hook = Webhook("w", f"https://127.0.0.1:{receiver.server_port}/", [KEY])
    assert not hook.deliver(NOTICE).delivered
    assert receiver.requests == []
    with pytest.raises(ChannelError):
        Webhook("w", receiver.url, [KEY])


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_!!!!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_QUJD", "whsec_é"]
)
def test_a_malformed_secret_is_refused(text: str) -> None:
    """Without prefix, not base64, or too short to be a key."""
    with pytest.raises(ChannelError):
        read_secret(text)


def test_a_secret_that_others_may_read_is_rejected_and_never_shown(tmp_path: Path) -> None:
    """A secret file needs mode 0600."""
    path = tmp_path / "secret"
    path.write_text(SECRET)
    path.chmod(0o644)
    settings = NotifySettings(webhooks=("https://example.org/in",), webhook_secret_file=path)
    with pytest.raises(ChannelError) as caught:
        open_channels(settings)
    assert SECRET[6:] not in str(caught.value)
    path.chmod(0o600)
    assert [channel.name for channel in open_channels(settings)] == ["webhook-1"]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise probes for it
def test_people_are_reached_through_a_real_apprise_address(receiver: Receiver, tmp_path: Path) -> None:
    """Apprise's own json scheme posts to the receiver; title and text are in both languages and carry the id."""
    path = tmp_path / "addresses"
    path.touch(mode=0o600)
    path.write_text(f"# the control room\njson://127.0.0.1:{receiver.server_port}/\n")
    (channel,) = open_channels(NotifySettings(apprise_file=path))
    assert channel.deliver(NOTICE).delivered
    sent = json.loads(receiver.requests[0][2])
    assert sent["title"] == "【红色】101室 / RED Room 101"
    assert {"烟", "smoke", "msg_1"} <= set(sent["message"].splitlines())
    assert os.fspath(path) not in json.dumps(sent)


CONTRACT: tuple[Callable[[str], Channel], ...] = (
    webhook,
    lambda url: PeopleChannel("people-1", url.replace("http://", "json://").partition("?")[0]),
)


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise probes for it
@pytest.mark.parametrize("make", CONTRACT, ids=["webhook", "people"])
def test_every_channel_keeps_the_contract(receiver: Receiver, make: Callable[[str], Channel]) -> None:
    """No channel raises; a failing or missing receiver is retryable."""
    channel = make(receiver.url)
    assert channel.name
    assert isinstance(channel.for_programs, bool)
    assert channel.deliver(NOTICE).delivered
    receiver.behave = answer(500)
    receipt = channel.deliver(NOTICE)
    assert (receipt.delivered, receipt.retry) == (False, True)
    assert receipt.error
    gone: Any = make("http://127.0.0.1:9/in").deliver(NOTICE)
    assert (gone.delivered, gone.retry) == (False, True)
