"""Errors as problem+json (RFC 9457): stable type, status, detail in English and Chinese."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.exceptions import HTTPException

from alerts import AlertError, Forbidden, GuardFailed, Invalid, NotFound, Stale
from alerts.database.storage_faults import NOT_WRITABLE, StorageFault, storage_fault
from alerts.people.attempts import TooManyFailures
from ingest import StoreError

from .cookies import ForeignRequest

MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "bad request",
    401: "authentication required",
    403: "not allowed",
    404: "not found",
    405: "method not allowed",
    409: "conflict with the present state",
    412: "precondition failed",
    413: "body too large",
    415: "media type not supported",
    422: "invalid fields",
    428: "If-Match required",
    429: "too many attempts",
    500: "internal error",
    503: "not ready",
}
TYPES = TITLES | {
    401: "sign-in-first",
    409: "not-possible-now",
    412: "changed-meanwhile",
    415: "media-type-not-understood",
    422: "fields-are-missing-or-wrong",
    428: "if-match-is-needed",
    429: "too-many-tries",
}
"""Names in the problem types. They are stable; the titles are for people."""


class Unauthorized(AlertError):  # noqa: N818 - names the state
    """The request has no valid token."""


class VersionNeeded(AlertError):  # noqa: N818 - names the state
    """A change requires the version of its subject."""


class KeyReused(AlertError):  # noqa: N818 - names the state
    """An Idempotency-Key belongs to another request."""


STATUS: Mapping[type[AlertError], int] = {
    Unauthorized: 401,
    Forbidden: 403,
    ForeignRequest: 403,
    NotFound: 404,
    GuardFailed: 409,
    Stale: 412,
    Invalid: 422,
    KeyReused: 422,
    VersionNeeded: 428,
    TooManyFailures: 429,
}


RETRY_S = 5
STORE_AWAY = StorageFault("store_away", "时序数据库无法访问", "the time-series store does not respond")


def problem(status: int, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any) -> JSONResponse:
    """Return one problem as a response."""
    title = TITLES.get(status, "error")
    body = {"type": problem_type(status), "title": title, "status": status}
    body |= {"detail": detail} | extra
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def problem_type(status: int) -> str:
    """Return the stable type of a problem."""
    return f"urn:twinward:problem:{TYPES.get(status, 'error').replace(' ', '-').lower()}"


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of these statuses."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": TITLES[status], "content": deepcopy(content)} for status in statuses}


def install(app: FastAPI) -> None:
    """Register handlers that return every error as a problem."""
    app.add_exception_handler(AlertError, _alert)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    for kind in (OperationalError, InterfaceError, InternalError, NoConnection, sqlite3.OperationalError, StoreError):
        app.add_exception_handler(kind, _storage)
    app.add_exception_handler(Exception, _unexpected)


async def _alert(_request: Request, error: Exception) -> Response:
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    if isinstance(error, GuardFailed):
        return problem(status, error.en, guard=error.guard, text={"zh": error.zh, "en": error.en})
    if isinstance(error, Invalid):
        rows: list[dict[str, Any]] = [{"path": name, "message": wanted} for name, wanted in error.fields.items()]
        for row in rows:
            if row["path"] in error.zh:
                row["text"] = {"zh": error.zh[row["path"]], "en": row["message"]}
        return problem(status, str(error), errors=rows)
    if isinstance(error, Unauthorized):
        return problem(status, "the request has no valid bearer token", headers={"WWW-Authenticate": "Bearer"})
    if isinstance(error, TooManyFailures):
        return problem(status, str(error), headers={"Retry-After": str(error.wait_s)})
    return problem(status, str(error))


async def _validation(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise TypeError("handler of another error") from error
    rows = [
        {"path": ".".join(str(part) for part in found["loc"][1:]), "message": found["msg"]} for found in error.errors()
    ]
    return problem(422, "; ".join(f"{row['path']}: {row['message']}" for row in rows), errors=rows)


async def _http(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise TypeError("handler of another error") from error
    return problem(error.status_code, str(error.detail), headers=error.headers)


async def _storage(request: Request, error: Exception) -> Response:
    fault = storage_fault(error)
    if isinstance(error, StoreError) and fault is NOT_WRITABLE:
        fault = STORE_AWAY
    structlog.get_logger(part="http").warning("storage unavailable", path=request.url.path, cause=fault.code)
    return storage_problem(fault)


def storage_problem(fault: StorageFault) -> JSONResponse:
    """Return the problem of a request that storage refused. The request has changed nothing."""
    retry = "try again when there is space" if fault.code == "disk_full" else "try again soon"
    detail = f"{fault.en}: nothing was changed; {retry}"
    words = {"zh": f"{fault.zh}:未做任何更改,请稍后再试", "en": detail}
    return problem(503, detail, headers={"Retry-After": str(RETRY_S)}, cause=fault.code, text=words)


async def _unexpected(request: Request, error: Exception) -> Response:
    structlog.get_logger(part="http").error(
        "request failed", path=request.url.path, error=f"{type(error).__name__}", exc_info=error
    )
    return problem(500, "the request failed; see the log of the service")
