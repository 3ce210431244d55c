"""Command `doctor`: each check passes and fails as documented, and shows no secret."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from alerts.api import HttpSettings
from ingest.mqtt import MqttSettings
from twinward.broker import available, start_broker, start_embedded
from twinward.broker.settings import BrokerSettings
from twinward.commands import doctor
from twinward.commands.certificate import make_certificate


@pytest.fixture
def stranger() -> Iterator[int]:
    """Return the port of a server that answers with bytes other than MQTT."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def answer() -> None:
            try:
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(64)
                        connection.sendall(b"HTTP/1.1 400\r\n\r\n")
            except OSError:
                return

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.mark.parametrize("secured", [True, False])
def test_running_broker_is_found(tmp_path: Path, free_port: Callable[[], int], *, secured: bool) -> None:
    """A real broker answers CONNECT; one that accepts anonymous clients fails the check."""
    assert any(available(kind) for kind in ("mosquitto", "iotcore"))
    port = free_port()
    settings = BrokerSettings(embedded=True, port=port)
    broker = start_embedded(settings, MqttSettings(), tmp_path) if secured else start_broker(port, tmp_path)
    try:
        finding = doctor.check_broker(broker.url)
        assert finding.ok is secured
        assert ("without an account" in finding.text_en) is not secured
    finally:
        broker.stop()


def test_missing_and_foreign_brokers_fail(stranger: int, free_port: Callable[[], int]) -> None:
    """No broker, another program, an invalid address."""
    assert not doctor.check_broker(f"mqtt://127.0.0.1:{free_port()}").ok
    foreign = doctor.check_broker(f"mqtt://127.0.0.1:{stranger}")
    assert not foreign.ok
    assert "is no MQTT broker" in foreign.text_en
    assert not doctor.check_broker("mqtt://127.0.0.1:99999").ok


def test_broker_password_is_not_shown(free_port: Callable[[], int]) -> None:
    """The result omits the account of the address."""
    finding = doctor.check_broker(f"mqtt://me:hunter2@127.0.0.1:{free_port()}")
    assert "hunter2" not in str(finding)


def test_folder_that_is_a_file_fails(tmp_path: Path) -> None:
    """A missing data folder is created; a file at its path fails."""
    assert doctor.check_folder(tmp_path / "new").ok
    (tmp_path / "file").write_text("")
    assert not doctor.check_folder(tmp_path / "file").ok


@pytest.mark.parametrize(("free", "ok"), [(4, False), (5, True), (50, True)])
def test_disk_needs_five_percent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, *, ok: bool) -> None:
    """The limit itself passes, a smaller value fails."""
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(total=100, used=100 - free, free=free))
    assert doctor.check_disk(tmp_path).ok is ok


def test_clock_in_1970_or_jumping_fails() -> None:
    """The real clock passes; a clock at 1970 and a jumping clock fail."""
    assert doctor.check_clock().ok
    assert not doctor.check_clock(lambda: 0).ok
    jumps = iter((1_800_000_000 * 10**9, 1_800_003_600 * 10**9))
    assert "jumped" in doctor.check_clock(lambda: next(jumps)).text_en


def test_port_in_use_fails(stranger: int, free_port: Callable[[], int]) -> None:
    """A port in use fails."""
    assert not doctor.check_port("http", stranger).ok
    assert doctor.check_port("http", free_port()).ok


@pytest.mark.parametrize(
    ("url", "ok"), [("ntfy://host/topic", True), ("tgram://123:SECRET/1", True), ("no address", False), ("", False)]
)
def test_channel_shows_its_scheme_and_nothing_else(url: str, *, ok: bool) -> None:
    """Addresses contain tokens."""
    finding = doctor.check_channel(1, url)
    assert finding.ok is ok
    assert "SECRET" not in str(finding)


def test_examination_names_everything_in_both_languages(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """Each result has a name and both texts; failures have advice."""
    findings = doctor.examine(
        broker_url=f"mqtt://127.0.0.1:{free_port()}",
        data_dir=tmp_path,
        ports={"http": free_port()},
        console=tmp_path / "index.html",
        channels=["ntfy://host/topic", "?"],
    )
    assert {finding.name for finding in findings} >= {"broker", "data", "disk", "clock", "port http", "console"}
    for finding in findings:
        assert finding.text_zh
        assert finding.text_en
        assert finding.ok or finding.advice


def test_plain_http_and_a_certificate_near_its_end_are_reported(tmp_path: Path) -> None:
    """Consent to plain HTTP, unusable settings and the last 30 days of a certificate fail; loopback and TLS pass."""
    made = make_certificate(["school.example"], folder=tmp_path)
    tls = HttpSettings(certificate=made["certificate"], key=made["key"])
    day_ns = 86_400 * doctor.SECOND_NS
    assert doctor.check_transport(HttpSettings()).ok
    assert doctor.check_transport(tls).ok
    near = doctor.check_transport(tls, lambda: time.time_ns() + 380 * day_ns)
    assert (near.ok, "in 16 days" in near.text_en, "--renew" in near.advice) == (False, True, True)
    plain = doctor.check_transport(HttpSettings(host="10.0.0.5", plain=True))
    assert (plain.ok, "10.0.0.5" in plain.text_en) == (False, True)
    assert not doctor.check_transport(HttpSettings(host="10.0.0.5")).ok
