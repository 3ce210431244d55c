"""Routes of sign-in, sign-out and the own account."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from alerts import format_time

from .dependencies import AccountIn, DependenciesIn, bearer
from .problem import problem, problems
from .schemas.record import Person, Session, person_body

router = APIRouter(tags=["session"])


class SignIn(BaseModel, extra="forbid"):
    """User name and password of a local account."""

    username: Annotated[str, Field(max_length=64, examples=["officer"])]
    password: Annotated[str, Field(max_length=1_024, examples=["a long password"])]


@router.post("/session", response_model=Session, responses=problems(401, 429))
def sign_in(request: Request, service: DependenciesIn, given: Annotated[SignIn, Body()]) -> Session | Response:
    """Return a bearer token for a user name and password.

    The token ends 30 minutes after its last use, at the latest after 12 hours.
    """
    address = request.client.host if request.client else "unknown"
    session = service.people.sign_in(given.username, given.password, address=address)
    kind = "session.opened" if session else "session.refused"
    service.dispatch.note(kind, given.username, site="", subject=given.username, facts={})
    if session is None:
        return problem(401, "wrong user name or password", headers={"WWW-Authenticate": "Bearer"})
    expires_at = format_time(session.expires_ns)
    return Session(token=session.token, expires_at=expires_at, user=person_body(session.account))


@router.delete("/session", status_code=204, responses=problems(401))
def sign_out(request: Request, service: DependenciesIn, caller: AccountIn) -> None:
    """Revoke the token of this request immediately."""
    service.people.sign_out(bearer(request))
    service.dispatch.note("session.closed", caller.username, site="", subject=caller.username, facts={})


@router.get("/me", responses=problems(401))
def me(caller: AccountIn) -> Person:
    """Return the account of the caller."""
    return person_body(caller)
