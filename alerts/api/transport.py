"""Transport of the HTTP interface: TLS off loopback, by an own certificate or a named proxy."""

from __future__ import annotations

import ssl
import stat
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Literal

from alerts.errors import TransportRefused

from .settings import HttpSettings

Transport = Literal["loopback", "tls", "proxy", "plain"]
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def transport(settings: HttpSettings) -> Transport:
    """Return the kind of transport. Raises TransportRefused off loopback without TLS, proxy or consent.

    loopback: this machine only. tls: own certificate. proxy: named proxies only. plain: consent of the settings.
    """
    networks(settings.proxies)
    if settings.certificate or settings.key:
        tls_context(settings)
        return "tls"
    if settings.proxies and not settings.plain:
        return "proxy"
    if on_loopback(settings.host):
        return "loopback"
    if settings.plain:
        return "plain"
    raise TransportRefused(
        f"http.host {settings.host!r} is reachable from other machines without TLS; set http.certificate and http.key "
        "(`twinward certificate` makes them), http.proxies, or http.plain = true"
    )


def tls_context(settings: HttpSettings) -> ssl.SSLContext:
    """Return a server context for TLS 1.2 or newer. Raises TransportRefused for an unusable certificate or key."""
    if not (settings.certificate and settings.key):
        given, missing = ("certificate", "key") if settings.certificate else ("key", "certificate")
        raise TransportRefused(f"http.{missing} is empty although http.{given} is set; allowed: both or neither")
    _check_key(Path(settings.key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ssl.SSLError) as error:
        raise TransportRefused(
            f"http.certificate {settings.certificate!r} with http.key {settings.key!r} cannot be loaded: {error}; "
            "allowed: a PEM certificate and its own key"
        ) from error
    return context


def _check_key(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise TransportRefused(f"http.key {str(path)!r} cannot be read: {error.strerror}; allowed: a file") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise TransportRefused(f"http.key {str(path)!r} has mode {stat.S_IMODE(mode):04o}; allowed: 0600")


def on_loopback(host: str) -> bool:
    """Return whether only this machine reaches the address; a name other than localhost may resolve to anything."""
    found = address(host)
    return host == "localhost" or (found is not None and found.is_loopback)


def address(text: str) -> Address | None:
    """Return an IP address, an IPv4 address in IPv6 form as IPv4; None for another text."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def networks(proxies: Sequence[str]) -> tuple[Network, ...]:
    """Return the networks of the proxies. Raises TransportRefused for a text that is no address or network."""
    found = []
    for text in proxies:
        try:
            found.append(ip_network(text, strict=False))
        except ValueError as error:
            raise TransportRefused(
                f"http.proxies has {text!r}; allowed: IP addresses and networks such as 10.0.0.0/24"
            ) from error
    return tuple(found)
