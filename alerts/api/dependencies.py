"""Dependencies of the handlers: the service, the caller, the requested page of a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Depends, Path, Query, Request, Response

from alerts import Account, Actor, AlertDispatch, Invalid, Page, People, parse_time, require
from alerts.database.keyset import CURSOR_LENGTH_MAX, LIMIT_DEFAULT, LIMIT_MAX
from alerts.notices.channels.contract import Posted, Pushing
from alerts.people.access import ROUTES
from alerts.timestamps import TIME_ZH

from .cookies import credential
from .installation import Installation
from .problem import Unauthorized
from .settings import HttpSettings
from .streams import Streams
from .tail import Tail
from .telemetry import Telemetry
from .transport import Transport

PREFIX = "/api/v1"
T = TypeVar("T")
SitePath = Annotated[str, Path(max_length=64, description="site id")]
SiteQuery = Annotated[str | None, Query(max_length=64, description="only this site")]


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The service behind the interface."""

    dispatch: AlertDispatch
    people: People
    telemetry: Telemetry
    settings: HttpSettings
    clock: Callable[[], int]
    tail: Tail
    streams: Streams
    transport: Transport
    installation: Installation | None = None
    gateways: Mapping[str, Posted] = field(default_factory=dict)
    push: Pushing | None = None


def served(channels: Iterable[object]) -> tuple[dict[str, Posted], Pushing | None]:
    """Return the channels whose providers post replies, by name, and the one for Web Push, None without one."""
    every = list(channels)
    posted = {one.name: one for one in every if isinstance(one, Posted)}
    return posted, next((one for one in every if isinstance(one, Pushing)), None)


def parts(request: Request) -> Dependencies:
    """Return the service behind the application of this request."""
    found = request.app.state.parts
    if not isinstance(found, Dependencies):
        raise TypeError("the application was not made by create_app")
    return found


async def _parts(request: Request) -> Dependencies:
    """Return the same in the event loop: a plain function costs each request a change of thread."""
    return parts(request)


DependenciesIn = Annotated[Dependencies, Depends(_parts)]


def peer(request: Request) -> str:
    """Return the address of the client; behind a proxy of the settings, the forwarded one."""
    return request.client.host if request.client else "unknown"


def account(request: Request, service: DependenciesIn) -> Account:
    """Return the account of the caller. Raises Unauthorized without a valid token, Forbidden, ForeignRequest.

    The access table names the operation of each route; a route outside the table is forbidden to everybody.
    The console marks its own reading of news with `X-Background`; it does not count as use of the session.
    """
    token = credential(request)
    found = service.people.who(token, use="x-background" not in request.headers) if token else None
    if found is None:
        raise Unauthorized
    require(found.actor, ROUTES.get(f"{request.method} {request.scope['route'].path_format.removeprefix(PREFIX)}", ""))
    return found


AccountIn = Annotated[Account, Depends(account)]


async def actor(caller: AccountIn) -> Actor:
    """Return the roles and sites of the caller."""
    return caller.actor


ActorIn = Annotated[Actor, Depends(actor)]


async def page(
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX, description="maximum of rows")] = LIMIT_DEFAULT,
    cursor: Annotated[
        str, Query(max_length=CURSOR_LENGTH_MAX, pattern="^[A-Za-z0-9_-]*$", description="`next` of the page before")
    ] = "",
) -> Page:
    """Return the requested page and one row more, which shows whether another page follows."""
    return Page(limit + 1, cursor)


PageIn = Annotated[Page, Depends(page)]


def moment_of(text: str, field: str) -> int:
    """Return a time of a request, ns since 1970. Raises Invalid for the field."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise Invalid({field: str(error)}, zh={field: TIME_ZH}) from error


def page_of(items: Sequence[Any], following: str | None) -> Response:
    """Return one page of a list as a ready response.

    items: plain dicts of a schema, which the route names as its response model; they are not checked again.
    """
    return json_of({"items": items, "next": following})


def json_of(body: Any) -> Response:
    """Return a body of plain dicts and models as a ready response; plain dicts are not checked again."""
    return Response(dumped(body), media_type="application/json")


def dumped(body: Any) -> bytes:
    """Return a body of plain dicts and models as JSON."""
    return orjson.dumps(body, default=_plain)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json", by_alias=True)


def listed(rows: list[T], wanted: Page, cursor: Callable[[T], str]) -> tuple[list[T], str | None]:
    """Return the rows of the page without the extra row, and the cursor of the next page."""
    shown = rows[: wanted.limit - 1]
    return shown, cursor(shown[-1]) if len(rows) == wanted.limit else None
