"""Routes of notices, the audit and people."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, Field

from alerts import Actor, Forbidden, require
from alerts.database import keyset
from alerts.queries import AUDIT_ORDER, NOTICE_ORDER

from .dependencies import ActorIn, DependenciesIn, PageIn, SiteQuery, listed
from .problem import problems
from .schemas.record import AuditEntryList, NoticeList, Person, PersonList, audit_body, notice_body, person_body

router = APIRouter(tags=["record"])


class NewPerson(BaseModel, extra="forbid"):
    """An account to create or to replace."""

    username: Annotated[str, Field(max_length=64, examples=["wang.fang"])]
    password: Annotated[str, Field(max_length=1_024, examples=["a long password"])]
    roles: Annotated[list[str], Field(max_length=7, examples=[["officer"]])]
    name: Annotated[dict[str, str] | None, Field(examples=[{"zh": "王芳", "en": "Wang Fang"}])] = None
    sites: Annotated[list[str] | None, Field(max_length=10_000, description="null: all sites")] = None


@router.get("/notices")
def notices(service: DependenciesIn, actor: ActorIn, page: PageIn, site: SiteQuery = None) -> NoticeList:
    """List notices to people and programs with their delivery, the newest first."""
    found = service.dispatch.queries.notices(actor, site=site, page=page)
    rows, following = listed(found, page, NOTICE_ORDER.cursor)
    return NoticeList(items=[notice_body(notice) for notice in rows], next=following)


@router.get("/audit")
def audit(service: DependenciesIn, actor: ActorIn, page: PageIn) -> AuditEntryList:
    """List journal entries, the newest first."""
    rows, following = listed(service.dispatch.queries.audit(actor, page=page), page, AUDIT_ORDER.cursor)
    return AuditEntryList(items=[audit_body(event) for event in rows], next=following)


@router.get("/users")
def users(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    role: Annotated[str | None, Query(max_length=32, description="only this role")] = None,
) -> PersonList:
    """List accounts that share a site with the caller, by user name."""
    require(actor, "see_people")
    rows = [person_body(account) for account in service.people.accounts(role=role) if _near(actor, account.sites)]
    found = keyset.part("users", rows, page, key=lambda person: (person.username,), types=(str,))
    shown, following = listed(found, page, lambda person: keyset.encode("users", (person.username,)))
    return PersonList(items=shown, next=following)


@router.post("/users", status_code=201, responses=problems(404))
def create(service: DependenciesIn, actor: ActorIn, given: Annotated[NewPerson, Body()]) -> Person:
    """Create an account, or replace password, roles and sites of an existing one.

    The sessions of an existing account end.
    """
    require(actor, "manage_people")
    _require_sites(actor, given.sites)
    for known in service.people.accounts():
        if known.username == given.username:
            _require_sites(actor, None if known.sites is None else sorted(known.sites))
    account = service.people.create(
        given.username, given.password, roles=given.roles, name=given.name, sites=given.sites
    )
    facts = {"roles": sorted(account.roles), "sites": given.sites}
    service.dispatch.note("person.set", actor.username, site="", subject=account.username, facts=facts)
    return person_body(account)


def _require_sites(actor: Actor, sites: list[str] | None) -> None:
    """Raise Forbidden unless the actor's scope holds all these sites (None: all sites)."""
    if actor.sites is not None and (sites is None or not set(sites) <= actor.sites):
        raise Forbidden("manage_people", "the account would reach beyond your own sites")


def _near(actor: Actor, sites: frozenset[str] | None) -> bool:
    return actor.sites is None or sites is None or bool(actor.sites & sites)
