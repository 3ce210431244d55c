"""Transport of the HTTP interface: without TLS, a proxy or consent it stays on loopback."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alerts.api import HttpSettings
from alerts.api.transport import address, on_loopback, transport
from alerts.errors import TransportRefused


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, "loopback"),
        ({"host": "localhost"}, "loopback"),
        ({"host": "::1"}, "loopback"),
        ({"host": "0.0.0.0", "plain": True}, "plain"),  # noqa: S104 - never bound here
        ({"host": "10.0.0.5", "proxies": ("10.0.0.1",)}, "proxy"),
        ({"proxies": ("127.0.0.1", "fd00::/8")}, "proxy"),
    ],
)
def test_each_safe_setting_has_its_kind(given: dict[str, Any], kind: str) -> None:
    """Loopback needs nothing; another address needs a proxy or consent."""
    assert transport(HttpSettings(**given)) == kind


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ({"host": "0.0.0.0"}, ("http.host '0.0.0.0'", "http.plain = true")),  # noqa: S104 - as above
        ({"host": "::"}, ("http.host '::'",)),
        ({"host": "school.example"}, ("school.example", "http.certificate")),
        ({"certificate": "server.pem"}, ("http.key is empty",)),
        ({"key": "server.key"}, ("http.certificate is empty",)),
        ({"certificate": "/nowhere/a", "key": "/nowhere/b"}, ("'/nowhere/b'", "cannot be read")),
        ({"proxies": ("the proxy",)}, ("'the proxy'", "10.0.0.0/24")),
    ],
)
def test_unsafe_settings_are_refused(given: dict[str, Any], parts: tuple[str, ...]) -> None:
    """The error has the setting, its value and the allowed values."""
    with pytest.raises(TransportRefused) as raised:
        transport(HttpSettings(**given))
    assert all(part in str(raised.value) for part in parts), raised.value


def test_a_key_for_others_or_of_no_certificate_is_refused(tmp_path: Path) -> None:
    """The key has mode 0600 and belongs to the certificate."""
    key = tmp_path / "server.key"
    key.write_text("no key", encoding="utf-8")
    settings = HttpSettings(certificate=str(key), key=str(key))
    key.chmod(0o640)
    with pytest.raises(TransportRefused, match="mode 0640; allowed: 0600"):
        transport(settings)
    key.chmod(0o600)
    with pytest.raises(TransportRefused, match="cannot be loaded"):
        transport(replace(settings, plain=True))


def test_addresses_are_compared_in_one_form() -> None:
    """An IPv4 address in IPv6 form is the IPv4 address; a zone is no part of it; a name is no address."""
    assert str(address("::ffff:10.0.0.1")) == "10.0.0.1"
    assert str(address("fe80::1%eth0")) == "fe80::1"
    assert address("school") is None
    assert on_loopback("127.9.9.9")
    assert not on_loopback("loopback.example")
