"""Routes of posts: responsibility list with gaps, and the handover of a person who leaves."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from alerts.database import keyset

from .dependencies import ActorIn, DependenciesIn, PageIn, SitePath, SiteQuery, listed
from .problem import problems
from .schemas.posts import MovedList, PostCountList, PostList, counts_body, moved_list, post_list

router = APIRouter(tags=["posts"])


class PersonToReplace(BaseModel, extra="forbid"):
    """Handover of the tickets and posts of an account."""

    leaver: Annotated[str, Field(max_length=64, description="user name", examples=["li.na"])]
    successor: Annotated[str, Field(max_length=64, description="user name", examples=["wang.fang"])]
    note: Annotated[str, Field(max_length=500)] = ""


@router.get("/posts")
def counts(service: DependenciesIn, actor: ActorIn, page: PageIn, site: SiteQuery = None) -> PostCountList:
    """List the numbers of posts, gaps and training of each school by id, without names."""
    dispatch = service.dispatch
    sites = [one for one in dispatch.registry.sites if actor.sees(one) and site in {None, one}]
    part = keyset.part("posts", sites, page, key=lambda one: (one,), types=(str,))
    shown, following = listed(part, page, lambda one: keyset.encode("posts", (one,)))
    posts, training = dispatch.posts.counts(shown), dispatch.training.counts(shown)
    items = [counts_body(one, posts[one], training.get(one, {})) for one in shown]
    return PostCountList(items=items, next=following)


@router.get("/posts/{site}", responses=problems(404))
def posts(service: DependenciesIn, actor: ActorIn, site: SitePath) -> PostList:
    """Return the posts of a school with their persons, deputies and duties, and every gap."""
    found, gaps = service.dispatch.posts.of_site(actor, site)
    duty = service.dispatch.escalating.rosters.present(site)
    return post_list(site, found, gaps, duty.roster if duty else None)


@router.post("/posts/{site}/handovers", responses=problems(404, 409))
def hand_over(
    service: DependenciesIn, actor: ActorIn, site: SitePath, given: Annotated[PersonToReplace, Body()]
) -> MovedList:
    """Move the open tickets, zones and places in the roster of an account to a successor, all or nothing.

    Risk points, measures and training follow their posts. The account stays; `DELETE /users/{username}` ends it.
    """
    dispatch = service.dispatch
    moved = dispatch.posts.hand_over(actor, given.leaver, given.successor, site=site, note=given.note.strip())
    return moved_list(moved)
