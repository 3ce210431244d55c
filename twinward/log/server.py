"""Place of a log on servers: a PostgreSQL database, or streams of NATS."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:  # loads the client of the server
    from .jetstream.owner import SoleOwner
    from .owners import Owner

LogOwner: TypeAlias = "Owner | SoleOwner"
"""Owner of roles, with its epochs in PostgreSQL or in the stream."""


@dataclass(frozen=True, slots=True)
class ServerLog:
    """Log in a PostgreSQL database, or in a stream of NATS.

    url: as of the setting `log.url`; name: telemetry or detections; owner: appends for this role, None for a reader;
    head: head record on this machine, None for none; a log on NATS has its copy beside it.
    """

    url: str
    name: str
    role: str = ""
    owner: LogOwner | None = None
    head: Path | None = None
    partition: int = 0

    @property
    def schema(self) -> str:
        """PostgreSQL schema of the tables, and channel of the notifications."""
        return f"twinward_{self.name}_{self.partition}"


def same_server(url: str, other: str) -> bool:
    """Return whether two URLs name one PostgreSQL server, or the same ones, by host and port as written.

    >>> same_server("postgresql+psycopg://a@db/x", "postgresql://b@db:5432/y")
    True
    >>> same_server("postgresql+psycopg://a@/x?host=db1:5432&host=db2:5432", "postgresql://b@db1,db2/y")
    True
    """
    return _address(url) == _address(other)


def _address(url: str) -> tuple[str, frozenset[str]]:
    parts = urlsplit(url)
    options = parse_qs(parts.query)
    hosts = ",".join(options.get("host") or [parts.netloc.rpartition("@")[2]]).lower().split(",")
    port = options.get("port", ["5432"])[-1]
    named = (host if re.search(r":\d+$", host) else f"{host}:{port}" for host in hosts)
    return parts.scheme.partition("+")[0], frozenset(named)
