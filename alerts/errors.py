"""What can go wrong between a detection and a closed ticket.

AlertError
├── NotFound       there is no such thing, or the asking person may not see it
├── Forbidden      the person's roles do not allow the operation
├── Stale          the thing has changed since the person looked at it
├── GuardFailed    the loop does not allow the step now; says why in both languages
├── Invalid        fields are missing or wrong; fields: name -> what is wanted
├── RegistryError  the campus file is wrong; errors has one line for each mistake
├── ChannelError   a channel cannot be opened as configured
└── SchemaError    the database was made by another version
"""

from __future__ import annotations

from collections.abc import Mapping


class AlertError(Exception):
    """Base of all errors of this package."""


class NotFound(AlertError):  # noqa: N818 - names the state
    """No such thing in the sites that the person may see."""

    def __init__(self, what: str, identity: str) -> None:
        super().__init__(f"no {what} {identity!r}")
        self.what, self.identity = what, identity


class Forbidden(AlertError):  # noqa: N818 - names the state
    """The person may not do this; reason is one line in English."""

    def __init__(self, operation: str, reason: str = "") -> None:
        super().__init__(reason or f"your roles do not allow {operation}")
        self.operation = operation


class Stale(AlertError):  # noqa: N818 - names the state
    """The version that was seen is not the present one."""

    def __init__(self, seen: int, present: int) -> None:
        super().__init__(f"version {seen} was changed meanwhile; the present one is {present}")
        self.seen, self.present = seen, present


class GuardFailed(AlertError):  # noqa: N818 - names the state
    """The step is not open now; zh and en say why."""

    def __init__(self, guard: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.guard, self.zh, self.en = guard, zh, en


class Invalid(AlertError):  # noqa: N818 - names the state
    """Fields are missing or wrong; fields: name -> what is wanted; zh: the same in Chinese, where people read it."""

    def __init__(self, fields: Mapping[str, str], *, zh: Mapping[str, str] | None = None) -> None:
        super().__init__("; ".join(f"{name}: {wanted}" for name, wanted in fields.items()))
        self.fields, self.zh = dict(fields), dict(zh or {})


class RegistryError(AlertError):
    """The campus file is wrong. errors: one line each, with the table, the key and what is allowed."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class ChannelError(AlertError):
    """A channel cannot be opened as configured."""


class SchemaError(AlertError):
    """The database was made by another version of the program."""
