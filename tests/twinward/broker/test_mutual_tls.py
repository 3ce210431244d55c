"""Mutual TLS with the shipped broker file: the account is the common name of the client's certificate."""

from __future__ import annotations

import os
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from ingest import Catalog, Intake
from ingest.mqtt import MqttSettings, Subscriber
from tests.processes import until
from twinward.broker import Accounts, find_mosquitto, listens

pytestmark = pytest.mark.broker

SHIPPED = Path(__file__).resolve().parents[3] / "deploy" / "mosquitto" / "mosquitto.conf"
OPTION = """# require_certificate true
# use_identity_as_username true
"""


def issue(folder: Path, name: str) -> None:
    """Write key and certificate of a common name, signed by the authority `ca` of the folder."""
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    signed = ["-x509"] if name == "ca" else ["-x509", "-CA", str(folder / "ca.crt"), "-CAkey", str(folder / "ca.key")]
    names = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt")]
    subprocess.run([*new, *signed, *names, *files], check=True, capture_output=True)


@pytest.fixture
def broker(tmp_path: Path, free_port: Callable[[], int], run_twinward: Any) -> Iterator[int]:
    """Port of a Mosquitto with the shipped file and its option for mutual TLS; `certs` of the folder has the files."""
    program = find_mosquitto() or run_twinward.unavailable("the broker mosquitto is not installed")
    text, ports = SHIPPED.read_text(encoding="utf-8"), (free_port(), free_port())
    assert OPTION in text
    text = text.replace(OPTION, OPTION.replace("# ", ""))
    text = text.replace("listener 8883", f"listener {ports[0]} 127.0.0.1").replace("1883", str(ports[1]))
    for folder in ("/etc/mosquitto", "/var/lib/mosquitto", "/run/mosquitto", "/var/log/mosquitto"):
        text = text.replace(folder, str(tmp_path))
    (tmp_path / "certs").mkdir()
    for name in ("ca", "server", "twinward", "d1", "stranger"):
        issue(tmp_path / "certs", name)
    accounts = Accounts(tmp_path / "twinward", "twinward")
    accounts.add("d1", site="s1")
    (tmp_path / "conf").write_text(text + ("user root\n" if os.geteuid() == 0 else ""))
    process = subprocess.Popen([program, "-c", tmp_path / "conf"], stderr=subprocess.DEVNULL)
    until(lambda: listens(ports[0]), timeout_s=15, what="the listener")
    yield ports[0]
    process.terminate()
    process.wait(10)


def publish(port: int, certs: Path, name: str, topic: str) -> bool:
    """Publish at QoS 1 with a certificate, "" for none; return whether the broker accepted the connection."""
    context = ssl.create_default_context(cafile=certs / "ca.crt")
    if name:
        context.load_cert_chain(certs / f"{name}.crt", certs / f"{name}.key")
    ended: list[bool] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, reconnect_on_failure=False)
    client.tls_set_context(context)
    client.on_connect = lambda made, *_: made.publish(topic, b'{"smoke": true}', qos=1)
    client.on_publish = lambda *_: ended.append(True)
    client.on_disconnect = lambda *_: ended.append(False)
    try:
        client.connect("127.0.0.1", port)
    except ssl.SSLError:
        return False
    until(lambda: ended or client.loop(0.1) != mqtt.MQTT_ERR_SUCCESS, timeout_s=15, what="an answer", every_s=0.0)
    client.disconnect()
    client.loop(0.1)
    return bool(ended and ended[0])


def test_a_certificate_names_the_account(broker: int, tmp_path: Path) -> None:
    """A device with its certificate reaches the service; others are refused, or may publish to no topic."""
    certs, catalog = tmp_path / "certs", Catalog()
    settings = MqttSettings(
        url=f"mqtts://127.0.0.1:{broker}",
        ca_file=str(certs / "ca.crt"),
        certificate_file=str(certs / "twinward.crt"),
        key_file=str(certs / "twinward.key"),
    )
    service = Subscriber(settings, Intake(catalog), lambda _sealed: None, time.time_ns)
    service.start()
    until(lambda: service.status()["healthy"], timeout_s=15, what="the connection of the service")
    assert not publish(broker, certs, "", "campus/s1/smoke/none")
    publish(broker, certs, "stranger", "campus/s1/smoke/stranger")
    publish(broker, certs, "d1", "campus/s1/smoke/d2")
    assert publish(broker, certs, "d1", "campus/s1/smoke/d1")
    until(lambda: catalog.find("s1", "d1"), timeout_s=15, what="the message of d1")
    service.stop()
    assert [sensor.id for sensor in catalog if sensor.site == "s1"] == ["d1"]
