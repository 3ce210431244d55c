"""Errors that the command line prints as lines, with exit status 2.

TwinwardError
├── ConfigError      the configuration is wrong; errors has one line for each mistake
├── PortTaken        another program listens on a port of the service
├── RoleTaken        another process does the same work on the data folder
├── FolderMismatch   files of the data folder are missing, damaged or do not belong together
├── InputError       a file given to a command cannot be used
├── ArchiveError     a backup cannot be written or read
├── LogVersionError  a log was written by a later release
├── OwnerLost        another node has taken a role of this process
└── OwnerWaitEnded   the process was stopped while another node held its roles

LogUnavailable       OSError: the server of the log does not answer or refuses a statement
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

_SERVER_ERRORS = {
    ("sqlalchemy.exc", "OperationalError"),
    ("sqlalchemy.exc", "InternalError"),
    ("alerts.errors", "NotOwner"),
}
"""By name: a start without a database does not load their package."""


class TwinwardError(Exception):
    """Base of the errors that the command line prints as lines, with exit status 2."""


class ConfigError(TwinwardError):
    """The configuration is wrong. errors: one line each, with the key and the allowed values."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class PortTaken(TwinwardError):  # noqa: N818 - names the state, as BrokenPipe does
    """Another program listens on the port. option: the command-line option or setting of the port."""

    def __init__(self, host: str, port: int, option: str) -> None:
        super().__init__(f"port {port} on {host} is taken by another program; choose another with {option}")
        self.port = port


class RoleTaken(TwinwardError):  # noqa: N818 - names the state, as BrokenPipe does
    """Another process holds a role of the data folder. pid: its process id, 0 if unknown."""

    def __init__(self, folder: Path, role: str, pid: int) -> None:
        by = f"process {pid}" if pid else "another process"
        super().__init__(f"role {role} of the data folder {folder} is held by {by}; stop it, or set another data_dir")
        self.folder, self.role, self.pid = folder, role, pid


class FolderMismatch(TwinwardError):  # noqa: N818 - names the state, as BrokenPipe does
    """Files of the data folder are missing, damaged or do not belong together. The message names the command."""


class InputError(TwinwardError):
    """A file given to a command cannot be read or has the wrong content."""


class ArchiveError(TwinwardError):
    """A backup cannot be written, read or restored."""


class LogVersionError(TwinwardError):
    """A later release wrote the log. path, found: the file or server, its schema version; newest: the version limit."""

    def __init__(self, path: Path | str, found: int, newest: int) -> None:
        super().__init__(
            f"cannot open {path}: it has schema version {found}; this release reads versions 0 to {newest}. "
            "Install the release that wrote the file"
        )
        self.path, self.found, self.newest = path, found, newest


class OwnerLost(TwinwardError):  # noqa: N818 - names the state, as BrokenPipe does
    """Another node has taken a role of this process, or the process never had it. Nothing is written."""

    def __init__(self, role: str) -> None:
        super().__init__(f"role {role} of the log belongs to another node now; this process writes nothing more")
        self.role = role


class OwnerWaitEnded(TwinwardError):  # noqa: N818 - names the state, as BrokenPipe does
    """The process was stopped while another node held its roles."""


class LogUnavailable(OSError):  # noqa: N818 - names the state, as BrokenPipe does
    """The server of the log does not answer or refuses a statement. A retry is safe."""

    def __init__(self, server: str, reason: str) -> None:
        super().__init__(f"log {server}: {reason}")
        self.server, self.reason = server, reason


def of_server(error: BaseException) -> bool:
    """Return whether an error has its cause at a database server, on the way to it, or at another owner of it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, LogUnavailable) or (type(cause).__module__, type(cause).__name__) in _SERVER_ERRORS:
            return True
        cause = cause.__cause__
    return False


@contextlib.contextmanager
def as_cli_errors(*causes: type[Exception]) -> Iterator[None]:
    """Raise errors of these classes as ConfigError, and errors of the operating system as TwinwardError."""
    try:
        yield
    except causes as error:
        raise ConfigError(str(error).splitlines()) from error
    except OSError as error:
        raise TwinwardError(f"{error.filename or 'operating system'}: {error.strerror or error}") from error
