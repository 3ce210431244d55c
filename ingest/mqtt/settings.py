"""Settings of the MQTT connection, and the checks on them that need more than a bound."""

from __future__ import annotations

import ssl
import stat
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from annotated_types import Interval, Unit, doc

from .errors import PlainRefused, SecretUnreadable

_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """Connection of the service to its broker."""

    url: Annotated[str, doc("broker: mqtt://host:port, or mqtts://host:port for TLS")] = "mqtt://127.0.0.1:1883"
    client_id: Annotated[str, doc("fixed name of the persistent session; one running service per name")] = "twinward"
    username: Annotated[str, doc("account at the broker, empty for none")] = ""
    second_username: Annotated[
        str,
        doc("account of the second session, where the broker replaces client ids by account names; empty for username"),
    ] = ""
    password_file: Annotated[str, doc("file (mode 0600) with the account's password")] = ""
    ca_file: Annotated[str, doc("certificate authorities to trust, empty for the system's own")] = ""
    certificate_file: Annotated[str, doc("client certificate for mutual TLS, empty for none")] = ""
    key_file: Annotated[str, doc("private key (mode 0600) of the client certificate")] = ""
    allow_plain: Annotated[bool, doc("allow a broker off this machine without TLS")] = False
    protocol: Annotated[
        Literal["auto", "5", "3.1.1"], doc("MQTT version; auto falls back to 3.1.1 if the broker does not support 5")
    ] = "auto"
    session_expiry_h: Annotated[
        float,
        Interval(gt=0, le=720),
        Unit("h"),
        doc("time for which the broker keeps messages while the service is offline"),
    ] = 24.0
    receive_max: Annotated[int, Interval(ge=1, le=65_535), Unit("1"), doc("unacknowledged messages in flight")] = 8_000
    payload_max_bytes: Annotated[
        int, Interval(ge=256, le=16_777_216), Unit("B"), doc("larger payloads are rejected, and never held in memory")
    ] = 65_536
    keepalive_s: Annotated[
        int, Interval(ge=5, le=3_600), Unit("s"), doc("longest time without traffic on the connection")
    ] = 60
    reconnect_max_s: Annotated[
        float, Interval(ge=0.2, le=600), Unit("s"), doc("longest wait between two attempts to connect")
    ] = 1.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Address of the broker."""

    host: str
    port: int
    tls: bool


def endpoint(settings: MqttSettings) -> Endpoint:
    """Return the broker's address. Raises ValueError for an invalid URL, PlainRefused off loopback without TLS."""
    parts = urlsplit(settings.url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or "@" in parts.netloc:
        raise ValueError(f"url {settings.url!r}: want mqtt://host[:port] or mqtts://host[:port], without account")
    found = Endpoint(parts.hostname, parts.port or _PORTS[parts.scheme], parts.scheme == "mqtts")
    if not found.tls and not settings.allow_plain and not _on_loopback(found.host):
        raise PlainRefused(found.host)
    return found


def _on_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False  # a name may resolve to anything


def read_secret(path: str) -> str:
    """Return the secret in a file without the line end. Raises SecretUnreadable, also when others may read it."""
    try:
        mode = Path(path).stat().st_mode
        secret = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretUnreadable(path, str(error)) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretUnreadable(path, "readable by others; chmod 600")
    if not secret:
        raise SecretUnreadable(path, "empty")
    return secret


def check_connection(settings: MqttSettings) -> None:
    """Raise the error that a connection with these settings would raise before it reaches the broker.

    Raises ValueError, PlainRefused, SecretUnreadable or OSError.
    """
    if endpoint(settings).tls:
        tls_context(settings)
    if settings.password_file:
        read_secret(settings.password_file)


def tls_context(settings: MqttSettings) -> ssl.SSLContext:
    """Return a context for TLS 1.2 or newer with name checks. Raises OSError or ssl.SSLError for unusable files."""
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.certificate_file:
        context.load_cert_chain(settings.certificate_file, settings.key_file or None)
    return context
