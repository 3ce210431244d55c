"""Routes of people: accounts, their end, and second factors."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request
from pydantic import BaseModel, Field

from alerts import Account, Actor, Forbidden, Invalid, NotFound
from alerts.people.accounts import ACCOUNT_ORDER

from .dependencies import AccountIn, ActorIn, Dependencies, DependenciesIn, PageIn, listed, peer
from .problem import problems
from .schemas.people import Enrolment, Person, PersonList, RecoveryCodes, person_body

router = APIRouter(tags=["people"])
UsernamePath = Annotated[str, Path(max_length=64, description="user name")]


class NewPerson(BaseModel, extra="forbid"):
    """An account to create or to replace."""

    username: Annotated[str, Field(max_length=64, examples=["wang.fang"])]
    password: Annotated[str, Field(max_length=1_024, examples=["a long password"])]
    roles: Annotated[list[str], Field(max_length=7, examples=[["officer"]])]
    name: Annotated[dict[str, str] | None, Field(examples=[{"zh": "王芳", "en": "Wang Fang"}])] = None
    sites: Annotated[list[str] | None, Field(max_length=10_000, description="null: all sites")] = None
    person: Annotated[
        str | None,
        Field(
            max_length=64, description="id of the person; null keeps it, at first the user name", examples=["wang.fang"]
        ),
    ] = None


class NewPassword(BaseModel, extra="forbid"):
    """A change of the caller's own password."""

    password: Annotated[str, Field(max_length=1_024, description="present one", examples=["a long password"])]
    new_password: Annotated[str, Field(max_length=1_024, examples=["another long password"])]


class Lock(BaseModel, extra="forbid"):
    """Lock or unlock of an account."""

    locked: bool


class OwnPassword(BaseModel, extra="forbid"):
    """The caller's own password."""

    password: Annotated[str, Field(max_length=1_024, examples=["a long password"])]


class FirstCode(BaseModel, extra="forbid"):
    """A one-time code of the new authenticator."""

    code: Annotated[str, Field(max_length=32, examples=["123456"])]


@router.get("/users")
def users(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    role: Annotated[str | None, Query(max_length=32, description="only this role")] = None,
    *,
    ended: Annotated[bool, Query(description="ended accounts as well")] = False,
) -> PersonList:
    """List accounts that share a site with the caller, by user name."""
    found = service.people.page(actor, page, role=role, ended=ended)
    shown, following = listed(found, page, ACCOUNT_ORDER.cursor)
    return PersonList(items=[person_body(account, scope=actor.sites) for account in shown], next=following)


@router.post("/users", status_code=201, responses=problems(404, 409))
def create(service: DependenciesIn, actor: ActorIn, given: Annotated[NewPerson, Body()]) -> Person:
    """Create an account, or replace password, roles and sites of an existing one.

    The sessions of an existing account end. The name of an ended account is not given to another person.
    """
    _require_sites(actor, given.sites)
    known = service.people.account(given.username)
    if known is not None:
        _require_sites(actor, None if known.sites is None else sorted(known.sites))
    account = service.people.create(
        given.username,
        given.password,
        roles=given.roles,
        name=given.name,
        sites=given.sites,
        person=given.person,
        by=actor.username,
    )
    return person_body(account)


@router.delete("/users/{username}", responses=problems(404, 409))
def end(
    service: DependenciesIn,
    actor: ActorIn,
    username: UsernamePath,
    successor: Annotated[str | None, Query(max_length=64, description="takes tickets and posts over")] = None,
) -> Person:
    """End an account: its sessions and streams stop within 1 s, and it cannot sign in.

    409 while it has open tickets, zones or a place in a roster: `successor` takes them in the same transaction. The
    audit and `GET /api/v1/users?ended=true` keep its name. The last administrator cannot be ended.
    """
    account, changes = _managed(service, actor, username), service.people.changes
    service.dispatch.posts.end(
        actor, account, successor, lambda connection: changes.end_in(connection, username, by=actor.username)
    )
    return person_body(_managed(service, actor, username))


@router.put("/users/{username}/lock", responses=problems(404, 409))
def lock(service: DependenciesIn, actor: ActorIn, username: UsernamePath, given: Annotated[Lock, Body()]) -> Person:
    """Lock an account at once, with its sessions, or unlock it. It keeps its posts and tickets, which are gaps now."""
    _managed(service, actor, username)
    return person_body(service.people.changes.lock(username, locked=given.locked, by=actor.username))


@router.delete("/users/{username}/second-factor", status_code=204, responses=problems(404))
def reset_second_factor(service: DependenciesIn, actor: ActorIn, username: UsernamePath) -> None:
    """Remove a lost authenticator and end the sessions of its account.

    If the settings demand a code of its role, the next sign-in enrols another authenticator.
    """
    _managed(service, actor, username)
    service.people.reset_second_factor(username)
    service.dispatch.note("second_factor.reset", actor.username, site="", subject=username, facts={})


@router.put("/me/password", status_code=204, responses=problems(422, 429))
def change_password(
    request: Request, service: DependenciesIn, caller: AccountIn, given: Annotated[NewPassword, Body()]
) -> None:
    """Replace the own password. All sessions of the account end; sign in again."""
    if not service.people.verify(caller, given.password, address=peer(request)):
        raise Invalid({"password": "the own password"}, zh={"password": "当前密码不正确"})
    service.people.changes.change_password(caller, given.new_password)


@router.put("/me/second-factor", responses=problems(422, 429))
def enrol(
    request: Request, service: DependenciesIn, caller: AccountIn, given: Annotated[OwnPassword, Body()]
) -> Enrolment:
    """Return the secret of a new authenticator. It replaces the present one with its first code."""
    if not service.people.verify(caller, given.password, address=peer(request)):
        raise Invalid.in_both({"password": ("the own password", "当前密码不正确")})
    found = service.people.second_factors.begin(caller.username)
    return Enrolment(secret=found.secret, otpauth=found.uri)


@router.post("/me/second-factor", responses=problems(422))
def confirm(service: DependenciesIn, caller: AccountIn, given: Annotated[FirstCode, Body()]) -> RecoveryCodes:
    """Confirm the new authenticator by its first code; later sign-ins of the account need a code."""
    recovery = service.people.second_factors.confirm(caller.username, given.code)
    if recovery is None:
        raise Invalid.in_both({"code": ("the present code of the new authenticator", "验证码不正确")})
    service.dispatch.note("second_factor.enrolled", caller.username, site="", subject=caller.username, facts={})
    return RecoveryCodes(recovery_codes=list(recovery))


def _managed(service: Dependencies, actor: Actor, username: str) -> Account:
    """Return an account in scope. Raises NotFound for a foreign one, Forbidden for one that reaches further."""
    found = service.people.account(username)
    if found is None or not _near(actor, found.sites):
        raise NotFound("account", username)
    _require_sites(actor, None if found.sites is None else sorted(found.sites))
    return found


def _require_sites(actor: Actor, sites: list[str] | None) -> None:
    """Raise Forbidden unless the actor's scope holds all these sites (None: all sites)."""
    if actor.sites is not None and (sites is None or not set(sites) <= actor.sites):
        raise Forbidden("manage_people", ("the account would reach beyond your own sites", "账号超出您的学校范围"))


def _near(actor: Actor, sites: frozenset[str] | None) -> bool:
    return actor.sites is None or sites is None or bool(actor.sites & sites)
