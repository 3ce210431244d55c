"""Routes of sign-in, sign-out and the own account."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from alerts import format_time
from alerts.people.second_factor import SecondFactorNeeded

from .cookies import SESSION_COOKIE, clear_session, credential, require_own_origin, set_session
from .dependencies import AccountIn, DependenciesIn, peer
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
    cookie: Annotated[bool, Field(description="set the token as a cookie instead of returning it")] = False


class DisplayCode(BaseModel, extra="forbid"):
    """The code of a display account."""

    code: Annotated[str, Field(max_length=128, examples=["display.kQ2v0mS4n7p1yXb8"])]


@router.post("/session", response_model=Session, responses=problems(401, 429))
def sign_in(
    request: Request, response: Response, service: DependenciesIn, given: Annotated[SignIn, Body()]
) -> Session | Response:
    """Return a bearer token for a user name and password.

    The token ends 30 minutes after its last use, at the latest after 12 hours. 401 with `second_factor` asks for the
    same request with a `code`. With `cookie`, the token is set as a cookie that scripts cannot read, and each write
    requires the header `X-CSRF-Token` with the value of the cookie `twinward_csrf`.
    """
    require_own_origin(request)
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
        return problem(
            401,
            "wrong user name, password or code",
            zh="账号、密码或验证码不正确",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if session.recovery_codes:
        service.dispatch.note("second_factor.enrolled", given.username, site="", subject=given.username, facts={})
    secure = request.url.scheme == "https"
    response.set_cookie(
        BROWSER, session.browser, max_age=BROWSER_S, path=SESSION_PATH, secure=secure, httponly=True, samesite="strict"
    )
    if given.cookie:
        set_session(request, response, session.token)
    return Session(
        token=None if given.cookie else session.token,
        expires_at=format_time(session.expires_ns),
        user=person_body(session.account),
        recovery_codes=list(session.recovery_codes) or None,
    )


def _factor_problem(need: SecondFactorNeeded) -> Response:
    headers = {"WWW-Authenticate": "Bearer"}
    if need.enrolment is None:
        return problem(401, str(need), zh=need.zh, headers=headers, second_factor="code")
    enrolment = {"secret": need.enrolment.secret, "otpauth": need.enrolment.uri}
    return problem(401, str(need), zh=need.zh, headers=headers, second_factor="enrolment", enrolment=enrolment)


@router.post("/session/display", response_model=Session, responses=problems(401))
def open_display(
    request: Request, response: Response, service: DependenciesIn, given: Annotated[DisplayCode, Body()]
) -> Session | Response:
    """Set the session cookie of a display account from its code."""
    require_own_origin(request)
    display = service.people.displays.find(given.code)
    account = service.people.who(given.code) if display else None
    if display is None or account is None:
        detail, zh = "the code of this display is unknown or revoked", "显示屏代码无效或已撤销"
        return problem(401, detail, zh=zh, headers={"WWW-Authenticate": "Bearer"})
    set_session(request, response, given.code, lasting=True)
    facts = {"address": peer(request)}
    service.dispatch.note("display.opened", account.username, site=display.site, subject=account.username, facts=facts)
    return Session(token=None, expires_at=None, user=person_body(account))


@router.delete("/session", status_code=204, responses=problems(401))
def sign_out(request: Request, response: Response, service: DependenciesIn, caller: AccountIn) -> None:
    """Revoke the token of this request immediately. The cookie of a display is removed; its account stays."""
    if not caller.display:
        service.people.sign_out(credential(request))
    clear_session(response)
    facts = {"address": peer(request)}
    service.dispatch.note("session.closed", caller.username, site="", subject=caller.username, facts=facts)


@router.get("/me", responses=problems(401))
def me(request: Request, response: Response, caller: AccountIn) -> Person:
    """Return the account of the caller. The cookie of a display is renewed."""
    if caller.display and credential(request) == request.cookies.get(SESSION_COOKIE):
        set_session(request, response, credential(request), lasting=True)
    return person_body(caller)
