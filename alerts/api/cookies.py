"""Session cookie of the console: hidden from scripts, with CSRF token and own origin on writes.

A program sends its bearer token instead; these checks do not apply to it.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response

from alerts import AlertError

SESSION_COOKIE = "twinward_session"
CSRF_COOKIE = "twinward_csrf"
CSRF_HEADER = "X-CSRF-Token"
READS = frozenset(("GET", "HEAD", "OPTIONS"))
LASTING_S = 400 * 86_400
"""Life of a display's cookie, the longest that browsers accept; each load of the page renews it."""


class ForeignRequest(AlertError):  # noqa: N818 - names the state
    """A write carries the session cookie, but not the CSRF token or the origin of the console."""

    zh = "请求不是来自本控制台，请重新载入页面"


def bearer(request: Request) -> str:
    """Return the bearer token of the request, "" without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def credential(request: Request) -> str:
    """Return the bearer token, else the session cookie, "" without both. Raises ForeignRequest."""
    if "authorization" in request.headers:
        return bearer(request)
    token = request.cookies.get(SESSION_COOKIE, "")
    if token and request.method not in READS:
        require_own_origin(request)
        if not hmac.compare_digest(request.headers.get(CSRF_HEADER, "").encode(), csrf_token(token).encode()):
            raise ForeignRequest(f"a write with the session cookie requires the header {CSRF_HEADER}")
    return token


def require_own_origin(request: Request) -> None:
    """Raise ForeignRequest for a request that names an origin other than this host."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise ForeignRequest("the header Origin names another site; allowed: the origin of the console")


def csrf_token(token: str) -> str:
    """Return the CSRF token of a session token, which cannot be derived back."""
    return hashlib.sha256(b"csrf " + token.encode()).hexdigest()


def set_session(request: Request, response: Response, token: str, *, lasting: bool = False) -> None:
    """Set both cookies; `lasting` beyond the end of the browser. The CSRF cookie is readable by the console."""
    age_s, secure = LASTING_S if lasting else None, request.url.scheme == "https"
    response.set_cookie(SESSION_COOKIE, token, max_age=age_s, httponly=True, secure=secure, samesite="strict")
    response.set_cookie(CSRF_COOKIE, csrf_token(token), max_age=age_s, secure=secure, samesite="strict")


def clear_session(response: Response) -> None:
    """Remove both cookies."""
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
    response.delete_cookie(CSRF_COOKIE, samesite="strict")
