"""What every handler works with, and who is asking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request

from alerts import Account, Actor, AlertDispatch, Page, People

from .problem import Unauthorized
from .settings import HttpSettings
from .tail import Tail
from .telemetry import Telemetry

LIMIT_MAX = 1_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The service behind the interface."""

    desk: AlertDispatch
    people: People
    telemetry: Telemetry
    settings: HttpSettings
    clock: Callable[[], int]
    tail: Tail


def parts(request: Request) -> Dependencies:
    """The parts of the application that serves this request."""
    found = request.app.state.parts
    if not isinstance(found, Dependencies):
        raise TypeError("the application was not made by create_app")
    return found


DependenciesIn = Annotated[Dependencies, Depends(parts)]


def bearer(request: Request) -> str:
    """The token of the request, "" without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def account(request: Request, service: DependenciesIn) -> Account:
    """Who asks. Raises Unauthorized without a valid token: nothing under /api/v1 is open but the sign-in."""
    token = bearer(request)
    found = service.people.who(token) if token else None
    if found is None:
        raise Unauthorized
    return found


AccountIn = Annotated[Account, Depends(account)]


def actor(who: AccountIn) -> Actor:
    """What the asking person may see and do."""
    return who.actor


ActorIn = Annotated[Actor, Depends(actor)]


def page(
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX, description="rows at most")] = 100,
    cursor: Annotated[str | None, Query(pattern=r"^\d{1,9}$", description="`next` of the page before")] = None,
) -> Page:
    """The asked-for part of a list; one row more is read, to know whether there is a next page."""
    return Page(limit + 1, int(cursor or 0))


PageIn = Annotated[Page, Depends(page)]


def listed(rows: list[T], wanted: Page) -> tuple[list[T], str | None]:
    """The rows of a page without the extra one, and the cursor of the next page."""
    shown = rows[: wanted.limit - 1]
    return shown, str(wanted.offset + len(shown)) if len(rows) == wanted.limit else None
