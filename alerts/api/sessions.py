"""Routes of sign-in, sign-out and the own account."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from alerts import format_time
from alerts.people.second_factor import SecondFactorNeeded

from .dependencies import AccountIn, DependenciesIn, bearer, peer
from .problem import problem, problems
from .schemas.people import Person, Session, person_body

router = APIRouter(tags=["session"])
SESSION_PATH = "/api/v1/session"
BROWSER = "twinward_browser"
"""Cookie of a known browser, which strangers cannot lock out. It opens no session."""
BROWSER_S = 400 * 86_400


class SignIn(BaseModel, extra="forbid"):
    """User name and password of a local account. code: one-time code of its authenticator, or a recovery code."""

    username: Annotated[str, Field(max_length=64, examples=["officer"])]
    password: Annotated[str, Field(max_length=1_024, examples=["a long password"])]
    code: Annotated[str, Field(max_length=32, examples=["123456"])] = ""


@router.post("/session", response_model=Session, responses=problems(401, 429))
def sign_in(
    request: Request, response: Response, service: DependenciesIn, given: Annotated[SignIn, Body()]
) -> Session | Response:
    """Return a bearer token for a user name and password.

    The token ends 30 minutes after its last use, at the latest after 12 hours. 401 with `second_factor` asks for the
    same request with a `code`.
    """
    cookie, address = request.cookies.get(BROWSER, ""), peer(request)
    try:
        session = service.people.sign_in(
            given.username, given.password, address=address, code=given.code, browser=cookie
        )
    except SecondFactorNeeded as need:
        return _factor_problem(need)
    kind = "session.opened" if session else "session.refused"
    service.dispatch.note(kind, given.username, site="", subject=given.username, facts={"address": address})
    if session is None:
        return problem(401, "wrong user name, password or code", headers={"WWW-Authenticate": "Bearer"})
    if session.recovery_codes:
        service.dispatch.note("second_factor.enrolled", given.username, site="", subject=given.username, facts={})
    secure = request.url.scheme == "https"
    response.set_cookie(
        BROWSER, session.browser, max_age=BROWSER_S, path=SESSION_PATH, secure=secure, httponly=True, samesite="strict"
    )
    return Session(
        token=session.token,
        expires_at=format_time(session.expires_ns),
        user=person_body(session.account),
        recovery_codes=list(session.recovery_codes) or None,
    )


def _factor_problem(need: SecondFactorNeeded) -> Response:
    headers = {"WWW-Authenticate": "Bearer"}
    if need.enrolment is None:
        return problem(401, str(need), headers=headers, second_factor="code")
    enrolment = {"secret": need.enrolment.secret, "otpauth": need.enrolment.uri}
    return problem(401, str(need), headers=headers, second_factor="enrolment", enrolment=enrolment)


@router.delete("/session", status_code=204, responses=problems(401))
def sign_out(request: Request, service: DependenciesIn, caller: AccountIn) -> None:
    """Revoke the token of this request immediately."""
    service.people.sign_out(bearer(request))
    facts = {"address": peer(request)}
    service.dispatch.note("session.closed", caller.username, site="", subject=caller.username, facts=facts)


@router.get("/me", responses=problems(401))
def me(caller: AccountIn) -> Person:
    """Return the account of the caller."""
    return person_body(caller)
