"""Notices of a running service: e-mail is plain text, private webhooks are not connected."""

from __future__ import annotations

import base64
import email
import email.policy
import json
import socketserver
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import publish

SENSOR = "smoke-1"
CAMPUS = f"""
[[site]]
id = "s"
[[zone]]
site = "s"
id = "z"
[[place]]
site = "s"
zone = "z"
id = "p"
name_zh = "<b>101室</b>"
name_en = "@everyone see https://evil.example/x"
[[sensor]]
site = "s"
id = "{SENSOR}"
kind = "smoke"
place = "p"
"""


class Receiver(socketserver.ThreadingTCPServer):
    """A receiver that counts connections; with `replies` it accepts e-mail (RFC 5321)."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port = int(self.server_address[1])
        self.connections = 0
        self.mails: list[EmailMessage] = []


class _Handler(socketserver.StreamRequestHandler):
    server: Receiver

    def handle(self) -> None:
        """Accept every command and record the data."""
        self.server.connections += 1
        self.wfile.write(b"220 test\r\n")
        for line in self.rfile:
            command = line[:4].upper()
            if command == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                body = b"".join(iter(self.rfile.readline, b".\r\n"))
                message = email.message_from_bytes(body, policy=email.policy.default)
                assert isinstance(message, EmailMessage)
                self.server.mails.append(message)
            self.wfile.write(b"221 bye\r\n" if command == b"QUIT" else b"250 ok\r\n")
            if command == b"QUIT":
                return


@pytest.fixture
def receivers() -> Iterator[tuple[Receiver, Receiver]]:
    """Return a mail server and a web server on this machine."""
    made = Receiver(), Receiver()
    threads = [threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.05}) for one in made]
    for thread in threads:
        thread.start()
    yield made
    for one, thread in zip(made, threads, strict=True):
        one.shutdown()
        one.server_close()
        thread.join()


@pytest.mark.broker
def test_mail_is_plain_text_and_private_webhooks_are_not_connected(
    tmp_path: Path, make_service: Any, mosquitto: Any, run_twinward: Any, receivers: tuple[Receiver, Receiver]
) -> None:
    """A fire in a place with a hostile name: one e-mail without links or mark-up, no connection of the webhook."""
    post, web = receivers
    secret, people = tmp_path / "secret", tmp_path / "people"
    for path in (secret, people):
        path.touch(mode=0o600)
    secret.write_text("whsec_" + base64.b64encode(bytes(range(32))).decode())
    people.write_text(f"mailto://twinward@127.0.0.1:{post.port}/?from=twinward@school.test&to=guard@school.test\n")
    extra = (
        f'[notify]\nwebhooks = ["https://localhost:{web.port}/in"]\nwebhook_secret_file = "{secret}"\n'
        f'apprise_file = "{people}"\n'
    )
    service = make_service(mosquitto.url, campus=CAMPUS, extra=extra)
    service.start()
    message = json.dumps({"seq": 1, "smoke": True})
    publish.single(f"campus/s/smoke/{SENSOR}", message, qos=1, hostname="127.0.0.1", port=mosquitto.port)
    client = service.client()
    run_twinward.until(lambda: post.mails, timeout_s=20, what="the e-mail")

    def receipts() -> dict[str, dict[str, Any]]:
        return {row["channel"]: row for row in client.get("/notices").json()["items"] if row["type"] == "hazard.opened"}

    refused = run_twinward.until(
        lambda: (found := receipts().get("webhook-1")) and found["error"] and found, timeout_s=20, what="the receipt"
    )
    assert "may not go to" in refused["error"]
    assert receipts()["people-1"]["state"] == "sent"
    [mail] = post.mails
    assert (mail.get_content_type(), mail["To"]) == ("text/plain", "guard@school.test")
    text = f"{mail['Subject']}\n{mail.get_content()}"
    assert "＜b＞101室＜/b＞" in text
    for hostile in ("<b>", "https://", "evil.example", "@everyone"):
        assert hostile not in text
    assert web.connections == 0
    assert service.stop() == 0
