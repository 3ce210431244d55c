"""Places of both logs for the settings, and the roles that a process takes there."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from twinward.data_folder.files import DETECTIONS, TELEMETRY
from twinward.data_folder.identity import read_identity
from twinward.errors import ConfigError, FolderMismatch, InputError, OwnerWaitEnded

from .jetstream.address import SCHEMES as NATS
from .jetstream.address import address
from .jetstream.owner import SoleOwner
from .server import LogOwner, ServerLog

POSTGRESQL = ("postgresql+psycopg://", "postgresql://")
SCHEMES = (*POSTGRESQL, *NATS)

log = logging.getLogger(__name__)


def places(folder: Path, url: str, owner: LogOwner | None = None) -> tuple[Path | ServerLog, Path | ServerLog]:
    """Return the places of the telemetry log and of the detection log: files of the folder, or a server.

    owner: roles of this process, None for a reader.
    """
    if not url:
        return folder / TELEMETRY, folder / DETECTIONS
    return (
        ServerLog(url, "telemetry", "ingest", owner, folder / "telemetry"),
        ServerLog(url, "detections", "detect", owner, folder / "detections"),
    )


def require_logs(folder: Path, url: str, names: Sequence[str] = (TELEMETRY, DETECTIONS)) -> None:
    """Raise InputError for a folder without these logs; those of a server are checked when they open."""
    for name in names if not url else ():
        if not (folder / name).exists():
            raise InputError(
                f"{folder / name}: no log at this path; allowed is a data folder; check data_dir (--config)"
            )


def check_log(folder: Path, url: str) -> None:
    """Raise ConfigError for an unusable URL, FolderMismatch for a folder whose log is in a file."""
    if url and not url.startswith(SCHEMES):
        raise ConfigError(
            [f"log.url: {url.partition('://')[0]!r} is not allowed; allowed: {' or '.join(SCHEMES)}, empty"]
        )
    if url.startswith(NATS):
        address(url)
    if url and (folder / TELEMETRY).exists():
        raise FolderMismatch(
            f"{folder / TELEMETRY} exists and log.url names a server: the sensor codes of both logs differ; "
            "set another data_dir, or remove log.url"
        )


def claim(
    folder: Path,
    url: str,
    roles: Sequence[str],
    ended: threading.Event,
    *,
    database: str = "",
    waiting: Callable[[], object] = lambda: None,
) -> LogOwner | None:
    """Take the roles of the log on a server, and block while another node holds one; None for logs in files.

    database: has the epochs of a log on NATS if it is on PostgreSQL; otherwise only this node may write. ended: ends
    the wait with OwnerWaitEnded. waiting: called once when the process becomes a standby. Raises LogUnavailable.
    """
    if not url:
        return None
    node = f"{socket.gethostname()}-{read_identity(folder).number}"
    if url.startswith(NATS):
        if not database.startswith(POSTGRESQL):
            return SoleOwner(node)
        url = database
    from .owners import Owner  # noqa: PLC0415 - loads the client of the server

    owner = Owner(url, node)

    def note(held: dict[str, str]) -> None:
        log.warning("standby: %s", ", ".join(f"node {node} holds role {role}" for role, node in sorted(held.items())))
        waiting()

    try:
        claimed = owner.wait(roles, ended, note)
    except BaseException:
        owner.close()
        raise
    if not claimed:
        owner.close()
        raise OwnerWaitEnded
    owner.start()
    return owner
