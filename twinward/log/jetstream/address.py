"""Address of a log on NATS: servers, name, and files of credentials and trust."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from twinward.errors import ConfigError

SCHEMES = ("nats://", "tls://")
REPLICAS = 3
"""Copies of a stream on a cluster; a URL with fewer servers gets one copy."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ALLOWED = "allowed: nats://host1,host2,host3/name?credentials=FILE&ca=FILE"


@dataclass(frozen=True, slots=True)
class Address:
    """Servers as URLs; name: first part of the names of streams; credentials: file with `user:password`."""

    servers: tuple[str, ...]
    name: str
    credentials: Path | None
    ca: Path | None

    @property
    def replicas(self) -> int:
        """Number of copies of each stream."""
        return REPLICAS if len(self.servers) >= REPLICAS else 1


def address(url: str) -> Address:
    """Return the address of a URL. Raises ConfigError.

    >>> address("nats://a,b:5222/school").servers
    ('nats://a:4222', 'nats://b:5222')
    """
    parts = urlsplit(url)
    files = dict(parse_qsl(parts.query))
    hosts = [host for host in parts.netloc.split(",") if host]
    name = parts.path.strip("/") or "twinward"
    if "@" in parts.netloc:
        raise ConfigError([f"log.url: a password in the URL is not allowed; {_ALLOWED}"])
    if not hosts or not _NAME.fullmatch(name) or files.keys() - {"credentials", "ca"}:
        raise ConfigError([f"log.url: {url!r} is not allowed; {_ALLOWED}"])
    servers = tuple(f"{parts.scheme}://{host if ':' in host else f'{host}:4222'}" for host in hosts)
    credentials, ca = (Path(files[key]) if key in files else None for key in ("credentials", "ca"))
    return Address(servers, name, credentials, ca)
