"""Destinations that a webhook may have: form of the URL, and addresses that its host may resolve to.

Sources: IANA special-purpose address registries; RFC 6890, RFC 6052 and RFC 8215 (NAT64), RFC 3056 (6to4), RFC 4380
(Teredo), RFC 5214 (ISATAP), RFC 3879 (site-local).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import SplitResult, urlsplit

from alerts.errors import ChannelError

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"({_LABEL}\.)*{_LABEL}", re.ASCII)
_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.ASCII)
"""Last label of a host that libc reads as an address in decimal, octal or hexadecimal form."""
_NAME_LENGTH_MAX = 253

_GLOBAL_V6 = IPv6Network("2000::/3")
"""The only space of IPv6 unicast that is routed; mapped, compatible, NAT64 and local addresses are outside."""
_REFUSED_V6 = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # IETF protocols, with Teredo 2001::/32, benchmarking and ORCHID
        "2001:db8::/32",
        "2002::/16",  # 6to4: the IPv4 address of its relay is inside
        "3fff::/20",
    )
)
_REFUSED_V4 = (
    IPv4Network("192.0.0.0/24"),  # IETF protocols; a cloud has its metadata at 192.0.0.192
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("168.63.129.16/32"),  # metadata of a cloud, a public address by registry
)
_PRIVATE_V4 = tuple(
    IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "100.64.0.0/10")
)
_PRIVATE_V6 = (IPv6Network("::1/128"), IPv6Network("fc00::/7"))
_METADATA = frozenset((IPv4Address("100.100.100.200"), IPv6Address("fd00:ec2::254"), IPv6Address("fd20:ce::254")))
"""Metadata services of clouds inside private space; link-local ones are refused with their network."""
_ISATAP = frozenset((0x00005EFE, 0x02005EFE))
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Destination:
    """A checked URL. target: path with its query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Return the value of the header `host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def read_destination(name: str, url: str, *, allow_private: bool) -> Destination:
    """Return the parts of a webhook's URL. Raises ChannelError, which does not contain the URL: it may be a secret.

    name: name of the channel; allow_private: http is allowed as well. Only plain forms are accepted, so that no two
    readers can find two different hosts in one URL.
    """
    if not url.isascii() or not url.isprintable() or set(url) & set(' \\<>"^`{|}'):
        raise ChannelError(
            f"{name}: the URL has a character that must be written otherwise: IDN as xn--, others as %XX"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ChannelError(f"{name}: the URL cannot be read ({error}); allowed is https://host/path") from error
    schemes = ("https", "http") if allow_private else ("https",)
    if parts.scheme not in schemes or not host:
        raise ChannelError(f"{name}: the URL must be https with a host name")
    if "@" in parts.netloc:
        raise ChannelError(f"{name}: the URL has a user name or password; a webhook has a signature instead")
    if port == 0 or not _readable_host(host):
        raise ChannelError(f"{name}: the URL's host must be a name without a final dot, or an address in usual form")
    return Destination(parts.scheme, host, port or _PORTS[parts.scheme], _target(parts))


def allowed(address: str, *, allow_private: bool) -> bool:
    """Return whether a webhook may go to this address; allow_private: private and loopback ones as well."""
    if "%" in address:  # a zone: link-local
        return False
    ip = ipaddress.ip_address(address)
    return _public(ip) or (allow_private and _private(ip))


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _readable_host(host: str) -> bool:
    """Return whether the host is a name, or an address in the one form that every reader understands alike."""
    if ":" in host or _NUMERIC.fullmatch(host.rpartition(".")[2]):
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return "%" not in host
    return len(host) <= _NAME_LENGTH_MAX and _NAME.fullmatch(host) is not None


def _public(ip: IPv4Address | IPv6Address) -> bool:
    if isinstance(ip, IPv4Address):
        return ip.is_global and not ip.is_multicast and not any(ip in block for block in _REFUSED_V4)
    isatap = int(ip) >> 32 & 0xFFFFFFFF in _ISATAP
    return ip in _GLOBAL_V6 and ip.is_global and not isatap and not any(ip in block for block in _REFUSED_V6)


def _private(ip: IPv4Address | IPv6Address) -> bool:
    if ip in _METADATA:
        return False
    if isinstance(ip, IPv4Address):
        return any(ip in block for block in _PRIVATE_V4)
    return any(ip in block for block in _PRIVATE_V6)
