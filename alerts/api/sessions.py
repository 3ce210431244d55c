"""Signing in and out, and who one is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from alerts import format_time

from .dependencies import AccountIn, DependenciesIn, bearer
from .problem import problem
from .schemas import Json, person

router = APIRouter(tags=["session"])


class SignIn(BaseModel, extra="forbid"):
    """Name and password of a local account."""

    username: Annotated[str, Field(max_length=64, examples=["officer"])]
    password: Annotated[str, Field(max_length=1_024, examples=["a long password"])]


@router.post("/session", response_model=None, responses={401: {"description": "wrong name or password"}})
def sign_in(request: Request, service: DependenciesIn, given: Annotated[SignIn, Body()]) -> Json | Response:
    """A bearer token for name and password; it ends 30 minutes after its last use, at the latest after 12 hours."""
    address = request.client.host if request.client else "unknown"
    session = service.people.sign_in(given.username, given.password, address=address)
    kind = "session.opened" if session else "session.refused"
    service.desk.note(kind, given.username, site="", subject=given.username, facts={})
    if session is None:
        return problem(401, "wrong name or password", headers={"WWW-Authenticate": "Bearer"})
    return {
        "token": session.token,
        "expires_at": format_time(session.expires_ns),
        "user": person(session.account),
    }


@router.delete("/session", status_code=204)
def sign_out(request: Request, service: DependenciesIn, who: AccountIn) -> None:
    """Revoke the token of this request at once."""
    service.people.sign_out(bearer(request))
    service.desk.note("session.closed", who.username, site="", subject=who.username, facts={})


@router.get("/me")
def me(who: AccountIn) -> Json:
    """The signed-in person."""
    return person(who)
