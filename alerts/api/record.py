"""Messages sent, the audit, and the people."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, Field

from alerts import Actor, Forbidden, require

from .dependencies import ActorIn, DependenciesIn, PageIn, listed
from .schemas import Json, event_json, notice_json, person

router = APIRouter(tags=["record"])


class NewPerson(BaseModel, extra="forbid"):
    """An account to make or to renew."""

    username: Annotated[str, Field(max_length=64, examples=["wang.fang"])]
    password: Annotated[str, Field(max_length=1_024, examples=["a long password"])]
    roles: Annotated[list[str], Field(max_length=7, examples=[["officer"]])]
    name: Annotated[dict[str, str] | None, Field(examples=[{"zh": "王芳", "en": "Wang Fang"}])] = None
    sites: Annotated[list[str] | None, Field(max_length=10_000, description="null: all sites")] = None


@router.get("/notices")
def notices(
    service: DependenciesIn, actor: ActorIn, page: PageIn, site: Annotated[str | None, Query(max_length=64)] = None
) -> Json:
    """Messages to people and programs and what became of each, the newest first."""
    rows, following = listed(service.desk.queries.notices(actor, site=site, page=page), page)
    return {"items": [notice_json(notice) for notice in rows], "next": following}


@router.get("/audit")
def audit(
    service: DependenciesIn,
    actor: ActorIn,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    cursor: Annotated[int | None, Query(ge=1, le=2**62, description="older than this seq")] = None,
) -> Json:
    """The journal, the newest entry first."""
    rows = service.desk.queries.audit(actor, before=cursor, limit=limit)
    return {"items": [event_json(event) for event in rows], "next": str(rows[-1].seq) if len(rows) == limit else None}


@router.get("/users")
def users(service: DependenciesIn, actor: ActorIn, role: Annotated[str | None, Query(max_length=32)] = None) -> Json:
    """People that share a site with the asking person, for assignment."""
    require(actor, "see_people")
    rows = [account for account in service.people.accounts(role=role) if _near(actor, account.sites)]
    return {"items": [person(account) for account in rows], "next": None}


@router.post("/users", status_code=201)
def create(service: DependenciesIn, actor: ActorIn, given: Annotated[NewPerson, Body()]) -> Json:
    """Make an account, or give a known one a new password, new roles and sites; its sessions end."""
    require(actor, "manage_people")
    _within(actor, given.sites)
    for known in service.people.accounts():
        if known.username == given.username:
            _within(actor, None if known.sites is None else sorted(known.sites))
    account = service.people.create(
        given.username, given.password, roles=given.roles, name=given.name, sites=given.sites
    )
    facts = {"roles": sorted(account.roles), "sites": given.sites}
    service.desk.note("person.set", actor.username, site="", subject=account.username, facts=facts)
    return person(account)


def _within(actor: Actor, sites: list[str] | None) -> None:
    """Nothing when the actor's scope holds all these sites; raises Forbidden otherwise (None: all sites)."""
    if actor.sites is not None and (sites is None or not set(sites) <= actor.sites):
        raise Forbidden("manage_people", "an account may not reach beyond your own sites")


def _near(actor: Actor, sites: frozenset[str] | None) -> bool:
    return actor.sites is None or sites is None or bool(actor.sites & sites)
