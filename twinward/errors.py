"""What can keep the service from doing its work, each told in one line.

TwinwardError
├── ConfigError      the configuration is wrong; errors has one line for each mistake
├── PortTaken        something else listens where the service should
├── InputError       a file handed to a command cannot be used
└── LogVersionError  a log file was written by a later release
"""

from __future__ import annotations

from pathlib import Path


class TwinwardError(Exception):
    """Base of all errors that the command line prints as one line and status 2."""


class ConfigError(TwinwardError):
    """The configuration is wrong. errors: one line each, with the key and what is allowed."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class PortTaken(TwinwardError):  # noqa: N818 - names the state, as BrokenPipe does
    """Something else listens on the port. option: the command-line option or setting that names another."""

    def __init__(self, host: str, port: int, option: str) -> None:
        super().__init__(f"port {port} on {host} is taken by another program; choose another with {option}")
        self.port = port


class InputError(TwinwardError):
    """A file that a command was given cannot be read or is not what it must be."""


class LogVersionError(TwinwardError):
    """A later release wrote the log file. path, found: the file and its schema version; newest: the version limit."""

    def __init__(self, path: Path, found: int, newest: int) -> None:
        super().__init__(
            f"cannot open {path}: it has schema version {found}; this release reads versions 0 to {newest}. "
            "Install the release that wrote the file"
        )
        self.path, self.found, self.newest = path, found, newest
