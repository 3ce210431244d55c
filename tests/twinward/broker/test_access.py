"""The embedded broker of the service: accounts, TLS listener, no broker without accounts."""

from __future__ import annotations

import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from ingest.mqtt import MqttSettings, TransientSession
from twinward.broker import (
    AccountError,
    BrokerError,
    check_embedded,
    embedded_accounts,
    reload_embedded,
    signed_in,
    start_embedded,
)
from twinward.broker.settings import BrokerSettings


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, and its key."""
    paths = tmp_path / "server.crt", tmp_path / "server.key"
    options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = ["openssl", "req", *options, *names, "-out", paths[0], "-keyout", paths[1]]
    subprocess.run(command, check=True, capture_output=True)
    return paths


def reason(port: int, name: str = "", password: str = "", *, tls: ssl.SSLContext | None = None) -> int:
    """Return the broker's answer to a CONNECT."""
    answers: list[int] = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, reconnect_on_failure=False)
    client.on_connect = lambda _client, _data, _flags, code, _properties: answers.append(code.value)
    if name:
        client.username_pw_set(name, password)
    if tls is not None:
        client.tls_set_context(tls)
    client.connect("localhost", port)
    while not answers and client.loop(1) == mqtt.MQTT_ERR_SUCCESS:
        pass
    client.disconnect()
    client.loop(0.1)
    return answers[0]


@pytest.fixture
def tls_broker(
    tmp_path: Path, free_port: Any, _mosquitto: None, certificate: tuple[Path, Path]
) -> Iterator[BrokerSettings]:
    """Settings of a running embedded broker with a TLS listener."""
    files = {"certificate_file": certificate[0], "key_file": certificate[1]}
    settings = BrokerSettings(embedded=True, port=free_port(), tls_port=free_port(), **files)
    broker = start_embedded(settings, MqttSettings(), tmp_path)
    yield settings
    broker.stop()


@pytest.fixture
def _mosquitto(run_twinward: Any) -> None:
    """Skip the test without Mosquitto, or fail it in CI."""
    from twinward.broker import available  # noqa: PLC0415 - only where a test needs it

    if not available("mosquitto"):
        run_twinward.unavailable("the broker mosquitto is not installed")


@pytest.mark.broker
def test_the_tls_listener_has_the_same_accounts(tls_broker: BrokerSettings, tmp_path: Path) -> None:
    """TLS 1.2 or newer; anonymous clients are refused, plain ones get no answer."""
    mqtt_settings = signed_in(tls_broker, MqttSettings(), tmp_path)
    password = Path(mqtt_settings.password_file).read_text(encoding="utf-8").strip()
    context = ssl.create_default_context(cafile=tls_broker.certificate_file)
    assert reason(tls_broker.tls_port, mqtt_settings.username, password, tls=context) == 0
    assert reason(tls_broker.port, mqtt_settings.second_username, password) == 0
    for port, tls in ((tls_broker.tls_port, context), (tls_broker.port, None)):
        assert reason(port, tls=tls) == 135
    old = ssl.create_default_context(cafile=tls_broker.certificate_file)
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2
    assert reason(tls_broker.tls_port, mqtt_settings.username, password, tls=old) == 0


@pytest.mark.broker
def test_both_sessions_of_the_service_receive_at_the_same_time(tls_broker: BrokerSettings, tmp_path: Path) -> None:
    """The second session has an account of its own, so that it does not end the first."""
    password = embedded_accounts(tmp_path, MqttSettings()).add("d1", site="s1")
    assert reload_embedded(tmp_path)
    sessions = [
        TransientSession(settings, lambda: ["campus/+/+/+"])
        for made in (signed_in(tls_broker, MqttSettings(), tmp_path),)
        for settings in (replace(made, second_username=""), made)
    ]
    device = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    device.username_pw_set("d1", password)
    received: list[set[bytes]] = [set(), set()]
    deadline_s = time.monotonic() + 10
    while not all(session.subscribed for session in sessions) and time.monotonic() < deadline_s:
        for session in sessions:
            session.receive()
    device.connect("127.0.0.1", tls_broker.port)
    device.loop_start()
    device.publish("campus/s1/smoke/d1", b"{}", qos=1).wait_for_publish(5)
    while not all(received) and time.monotonic() < deadline_s:
        for topics, session in zip(received, sessions, strict=True):
            topics.update(frame[2] for frame in session.receive())
    for session in sessions:
        session.close()
    device.disconnect()
    device.loop_stop()
    assert received == [{b"campus/s1/smoke/d1"}] * 2


@pytest.mark.parametrize("missing", ["certificate_file", "key_file"])
@pytest.mark.broker
@pytest.mark.usefixtures("_mosquitto")
def test_a_missing_file_of_the_tls_listener_is_one_error(
    missing: str, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    """The sentence names the setting."""
    files: dict[str, Any] = {"certificate_file": certificate[0], "key_file": certificate[1]}
    files[missing] = tmp_path / "none.pem"
    settings = BrokerSettings(embedded=True, tls_port=1, **files)
    for start in (check_embedded, start_embedded):
        with pytest.raises(BrokerError, match=f"broker.{missing}"):
            start(settings, MqttSettings(), tmp_path)
    with pytest.raises(AccountError, match=r"mqtt\.client_id: 'a b'"):
        check_embedded(BrokerSettings(embedded=True), MqttSettings(client_id="a b"), tmp_path)


def test_iotcore_never_serves_without_a_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no accounts; the sentence names the package to install."""
    monkeypatch.setattr("twinward.broker.access.find_mosquitto", lambda: None)
    with pytest.raises(BrokerError, match="iotcore has no accounts and serves the demo only; install"):
        start_embedded(BrokerSettings(embedded=True), MqttSettings(), tmp_path)


def test_an_external_broker_keeps_its_settings(tmp_path: Path) -> None:
    """No account is created for it."""
    settings = MqttSettings(username="u", password_file="p")
    assert signed_in(BrokerSettings(), settings, tmp_path) is settings
    assert not list(tmp_path.iterdir())


def test_the_service_account_has_the_client_id(tmp_path: Path) -> None:
    """The broker replaces client ids by account names, so a session of the old client id goes on."""
    made = signed_in(BrokerSettings(embedded=True, port=1884), MqttSettings(client_id="school"), tmp_path)
    assert (made.url, made.username, made.second_username) == ("mqtt://127.0.0.1:1884", "school", "school-lookout")
    assert embedded_accounts(tmp_path, made).all() == []
