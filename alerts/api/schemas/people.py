"""Response schemas of people, sessions and second factors."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

import alerts

from .fields import Body, List, Time, Username, moment


class Person(Body):
    """One account without its secrets. sites: null for all sites."""

    username: Username
    person: Annotated[
        str | None,
        Field(
            description="id of the person, one for all accounts of a person; null for a display", examples=["wang.fang"]
        ),
    ]
    name: Annotated[
        dict[str, str], Field(description="shown name by language", examples=[{"zh": "王芳", "en": "Wang"}])
    ]
    roles: Annotated[list[str], Field(examples=[["officer"]])]
    sites: Annotated[list[str] | None, Field(examples=[["school-1"]])]
    ended_at: Annotated[Time | None, Field(description="end of the account; null while it may sign in")]
    locked_at: Annotated[Time | None, Field(description="lock of the account; null while it may sign in")] = None
    display: Annotated[bool, Field(description="an account of a wall display", examples=[False])] = False


class PersonList(List[Person]):
    """One page of accounts."""


class Session(Body):
    """One session. token: bearer token, shown once; null for a session by cookie."""

    token: Annotated[str | None, Field(examples=["kQ2v0mS4n7p1yXb8cZr5tLw3"])]
    expires_at: Annotated[Time | None, Field(description="latest end of the session, null for a display")]
    user: Person
    recovery_codes: Annotated[
        list[str] | None,
        Field(
            exclude_if=lambda value: value is None,
            description="once, after the first code of an authenticator: each replaces one code",
            examples=[["3f9c0a1b2c3d4e5f"]],
        ),
    ] = None


class Enrolment(Body):
    """Secret of a new authenticator, shown once. otpauth: the same as a key URI for authenticator apps."""

    secret: Annotated[str, Field(description="base32", examples=["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"])]
    otpauth: Annotated[str, Field(examples=["otpauth://totp/Twinward:admin?secret=GEZDGNBV&issuer=Twinward"])]


class RecoveryCodes(Body):
    """Codes that replace a lost authenticator, shown once. Each counts once."""

    recovery_codes: Annotated[list[str], Field(examples=[["3f9c0a1b2c3d4e5f"]])]


def person_body(account: alerts.Account, *, scope: frozenset[str] | None = None) -> Person:
    """Return an account without its secrets. scope: sites of the caller, who sees no other; None for all."""
    sites = None if account.sites is None else sorted(account.sites if scope is None else account.sites & scope)
    return Person(
        username=account.username,
        person=account.person or None,
        name=dict(account.name),
        roles=sorted(account.roles),
        sites=sites,
        ended_at=moment(account.ended_ns),
        locked_at=moment(account.locked_ns),
        display=account.display,
    )
