"""What can go wrong between a detection and a closed ticket.

AlertsError
├── RegistryError    the campus file holds errors, all of them listed
├── MethodError      a grading method's data are wrong
├── SchemaMismatch   the database was written by another version
├── NotFound         no such hazard, ticket, site ... for this person
├── Conflict         the ticket has moved on since the caller read it
├── Forbidden        this person may not do that
├── GuardFailed      the closed loop refuses the step; says why in both languages
└── Invalid          fields are missing or wrong
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class AlertsError(Exception):
    """Base of all errors of this package."""


class RegistryError(AlertsError):
    """The campus file cannot be used. errors: every finding, each with its key and what is allowed."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = tuple(errors)


class MethodError(AlertsError):
    """A grading method's file contradicts itself, or a factor has a value outside its table."""


class SchemaMismatch(AlertsError):  # noqa: N818 - names the state, as BrokenPipe does
    """The database holds schema `found`, this program knows `wanted`."""

    def __init__(self, found: int, wanted: int) -> None:
        super().__init__(f"the database has schema version {found}, this program needs {wanted}")
        self.found = found
        self.wanted = wanted


class NotFound(AlertsError):  # noqa: N818 - the word of the interface
    """Nothing of that identity that the asking person may see."""

    def __init__(self, what: str, identity: str) -> None:
        super().__init__(f"no {what} {identity!r}")
        self.what = what
        self.identity = identity


class Conflict(AlertsError):  # noqa: N818 - the word of the interface
    """The caller acted on version `given`, the ticket is at `current`."""

    def __init__(self, given: int, current: int) -> None:
        super().__init__(f"acted on version {given}, the ticket is at version {current}")
        self.given = given
        self.current = current


class Forbidden(AlertsError):  # noqa: N818 - the word of the interface
    """The person's roles or sites do not allow this. action: what was asked; reason: in plain words."""

    def __init__(self, action: str, reason: str) -> None:
        super().__init__(f"{action}: {reason}")
        self.action = action
        self.reason = reason


class GuardFailed(AlertsError):  # noqa: N818 - names the state, as BrokenPipe does
    """The closed loop refuses the step. guard: its name; text: why, {"zh", "en"}."""

    def __init__(self, guard: str, text: Mapping[str, str]) -> None:
        super().__init__(f"{guard}: {text['en']}")
        self.guard = guard
        self.text = dict(text)


class Invalid(AlertsError):  # noqa: N818 - the word of the interface
    """Fields of an action are missing or wrong. fields: name -> what is wanted."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {wanted}" for name, wanted in fields.items()))
        self.fields = dict(fields)
