"""Errors of the alerts package.

AlertError
├── NotFound             the object does not exist or is outside the person's sites
├── Forbidden            the person's roles do not permit the operation
├── Stale                the object changed after the person read it
├── GuardFailed          the loop does not permit the step now; the reason in both languages
├── Invalid              fields are missing or wrong; fields: name -> expected value
├── RegistryError        the campus file is wrong; errors has one line per mistake
├── TransportRefused     the HTTP interface would be open off this machine without TLS, or its certificate is unusable
├── ChannelError         a channel cannot be opened as configured
├── DatabaseUnavailable  the database server or file does not open
└── SchemaError          this version cannot open the database
"""

from __future__ import annotations

from collections.abc import Mapping


class AlertError(Exception):
    """Base of all errors of this package."""


class NotFound(AlertError):  # noqa: N818 - names the state
    """The object does not exist in the sites of the person."""

    def __init__(self, what: str, identity: str) -> None:
        super().__init__(f"no {what} {identity!r}")
        self.what, self.identity = what, identity


class Forbidden(AlertError):  # noqa: N818 - names the state
    """The person may not do this. reason: one line in English."""

    def __init__(self, operation: str, reason: str = "") -> None:
        super().__init__(reason or f"your roles do not allow {operation}")
        self.operation = operation


class Stale(AlertError):  # noqa: N818 - names the state
    """The version of the request is not the present one."""

    def __init__(self, seen: int, present: int) -> None:
        super().__init__(f"version {seen} was changed meanwhile; the present one is {present}")
        self.seen, self.present = seen, present


class GuardFailed(AlertError):  # noqa: N818 - names the state
    """The step is not permitted now. zh, en: the reason."""

    def __init__(self, guard: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.guard, self.zh, self.en = guard, zh, en


class Invalid(AlertError):  # noqa: N818 - names the state
    """Fields are missing or wrong. fields: name -> expected value; zh: the same in Chinese, for people."""

    def __init__(self, fields: Mapping[str, str], *, zh: Mapping[str, str] | None = None) -> None:
        super().__init__("; ".join(f"{name}: {wanted}" for name, wanted in fields.items()))
        self.fields, self.zh = dict(fields), dict(zh or {})


class RegistryError(AlertError):
    """The campus file is wrong. errors: one line each, with table, key and allowed values."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class ChannelError(AlertError):
    """A channel cannot be opened as configured."""


class TransportRefused(AlertError):  # noqa: N818 - names the state
    """The settings of the HTTP interface give no safe transport."""


class DatabaseUnavailable(AlertError):  # noqa: N818 - names the state
    """The database does not open. url: without its password; reason: first line of the driver's error."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"cannot open the alert database {url}: {reason}; set `database` to sqlite:///FILE or "
            "postgresql+psycopg://USER@HOST/NAME of a running server"
        )
        self.url, self.reason = url, reason


class SchemaError(AlertError):
    """This version of the program cannot open the database."""
