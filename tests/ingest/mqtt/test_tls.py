"""TLS and accounts with a real Mosquitto: both are required, and failures log one line."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest import Catalog, Intake, MessageKeys, Sealed
from ingest.mqtt import MqttSettings, Subscriber

pytestmark = pytest.mark.broker


def until(condition: Callable[[], object], *, timeout_s: float = 15) -> None:
    """Wait for a condition; fail the test on timeout."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Return whether a broker listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def tls_port(
    tmp_path_factory: pytest.TempPathFactory, run_twinward: Any, free_port: Callable[[], int]
) -> Iterator[tuple[int, Path]]:
    """Return port and folder of a Mosquitto with TLS only and one account; the folder has ca.pem and secrets."""
    if shutil.which("openssl") is None or shutil.which("mosquitto_passwd") is None:
        run_twinward.unavailable("the Debian packages openssl and mosquitto are not installed")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "ca.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(["mosquitto_passwd", "-b", "-c", folder / "accounts", "service", "right"], check=True)
    for name, content in (("right", "right\n"), ("wrong", "wrong\n")):
        (folder / name).write_text(content)
        (folder / name).chmod(0o600)
    port = free_port()
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\ncertfile {folder}/ca.pem\nkeyfile {folder}/key.pem\n"
        f"allow_anonymous false\npassword_file {folder}/accounts\nuser root\nlog_type none\n"
    )
    broker = subprocess.Popen(["mosquitto", "-c", folder / "mosquitto.conf"])
    until(lambda: listens(port))
    yield port, folder
    broker.terminate()
    broker.wait(10)


def test_messages_arrive_over_tls_with_an_account(tls_port: tuple[int, Path]) -> None:
    """Many chunks of TLS records arrive; the password is read from its file only."""
    port, folder = tls_port
    stored: list[Sealed] = []
    settings = MqttSettings(
        url=f"mqtts://127.0.0.1:{port}",
        ca_file=str(folder / "ca.pem"),
        username="service",
        password_file=str(folder / "right"),
    )
    subscriber = Subscriber(settings, Intake(Catalog()), stored.append, time.time_ns)
    subscriber.start()
    until(lambda: subscriber.status()["healthy"])
    payload = b"\n".join(b'{"seq": %d, "co": %d, "slime": 0.%s1}' % (n, n % 10_000, b"0" * 200) for n in range(2000))
    subprocess.run(
        ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "--cafile", folder / "ca.pem", "-u", "service",
         "-P", "right", "-t", "campus/s1/env/a", "-q", "1", "-l"],
        input=payload, check=True,
    )  # fmt: skip
    until(lambda: sum(len(sealed.of(MessageKeys).keys) for sealed in stored) >= 2000)
    subscriber.stop()
    assert sum(len(sealed.of(MessageKeys).keys) for sealed in stored) == 2000


@pytest.mark.parametrize(
    ("ca", "secret", "why"), [("ca.pem", "wrong", "refuses the connection"), ("", "right", "cannot connect to")]
)
def test_a_wrong_password_or_certificate_is_one_line(
    tls_port: tuple[int, Path], caplog: pytest.LogCaptureFixture, ca: str, secret: str, why: str
) -> None:
    """A rejected account or an untrusted broker logs one line without the secret."""
    port, folder = tls_port
    caplog.set_level(logging.INFO, "ingest.mqtt")
    settings = MqttSettings(
        url=f"mqtts://127.0.0.1:{port}",
        ca_file=str(folder / ca) if ca else "",
        username="service",
        password_file=str(folder / secret),
    )
    subscriber = Subscriber(settings, Intake(Catalog()), lambda _sealed: None, time.time_ns)
    subscriber.start()
    until(lambda: why in subscriber.status()["last_error"])
    time.sleep(1.0)
    subscriber.stop()
    assert sum(why in record.message for record in caplog.records) == 1
    assert not subscriber.status()["connected"]
    assert "wrong" not in caplog.text.replace("wrong version", "")
