"""Errors as problem+json (RFC 9457): stable type, status, detail in English and Chinese."""

from __future__ import annotations

import re
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
from alerts.dangers.report_limits import TooManyReports
from alerts.database.storage_faults import NOT_WRITABLE, StorageFault, storage_fault
from alerts.people.attempts import TooManyFailures
from ingest import StoreError

from .cookies import ForeignRequest
from .field_texts import wrong_field

MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "bad request",
    401: "authentication required",
    403: "not allowed",
    404: "not found",
    405: "method not allowed",
    408: "body not received in time",
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
TITLES_ZH = {
    400: "请求有误",
    401: "请先登录",
    403: "没有权限",
    404: "找不到",
    405: "不支持此操作",
    408: "接收超时",
    409: "当前状态不允许",
    412: "内容已被他人修改",
    413: "内容过大",
    415: "不支持的格式",
    422: "有字段缺失或填写有误",
    428: "缺少版本号",
    429: "尝试次数过多",
    500: "服务内部错误",
    503: "服务暂不可用",
}
"""The titles for people in Chinese, and the text of an error of the web server."""
_SECRET = re.compile(r"(/(?:sms-replies/[^/]*|links|take|report-places|reports)/)[^/]+")
"""Token, code or receipt in the path of a public route."""
INVALID = {"zh": "有字段缺失或填写有误。", "en": "Some fields are missing or invalid."}
CHANGED = {"zh": "他人已修改，请重新载入后再改。", "en": "Someone else has changed it; load it again before you edit."}


class Unauthorized(AlertError):  # noqa: N818 - names the state
    """The request has no valid token."""

    zh = "登录已失效，请重新登录"


class VersionNeeded(AlertError):  # noqa: N818 - names the state
    """A change requires the version of its subject."""

    zh = "缺少版本号（If-Match），请重新载入后再改"

    def __init__(self, of: str) -> None:
        super().__init__(f"the header If-Match with the ETag of the {of} is missing")


class KeyReused(AlertError):  # noqa: N818 - names the state
    """An Idempotency-Key belongs to another request."""

    zh = "此提交编号（Idempotency-Key）已用于另一请求"


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
    TooManyReports: 429,
}


RETRY_S = 5
STORE_AWAY = StorageFault("store_away", "时序数据库无法访问", "the time-series store does not respond")


def problem(
    status: int, detail: str, *, zh: str, en: str = "", headers: Mapping[str, str] | None = None, **extra: Any
) -> JSONResponse:
    """Return one problem as a response. zh, en: text for people; en: by default the detail."""
    title = TITLES.get(status, "error")
    body = {"type": problem_type(status), "title": title, "status": status}
    body |= {"detail": detail, "text": {"zh": zh, "en": en or detail}} | extra
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
    detail = str(error)
    if isinstance(error, Invalid):
        return problem(status, detail, zh=INVALID["zh"], en=INVALID["en"], errors=_rows(error))
    if isinstance(error, Stale):
        return problem(status, detail, zh=CHANGED["zh"], en=CHANGED["en"])
    headers, extra = dict[str, str](), dict[str, Any]()
    if isinstance(error, GuardFailed):
        extra = {"guard": error.guard}
    elif isinstance(error, Unauthorized):
        detail, headers = "the request has no valid bearer token", {"WWW-Authenticate": "Bearer"}
    elif isinstance(error, (TooManyReports, TooManyFailures)):
        headers = {"Retry-After": str(error.wait_s)}
    return problem(status, detail, zh=getattr(error, "zh", TITLES_ZH[status]), headers=headers, **extra)


def _rows(error: Invalid) -> list[dict[str, Any]]:
    return [
        {"path": name, "message": wanted, "text": {"zh": error.zh[name], "en": wanted}}
        for name, wanted in error.fields.items()
    ]


async def _validation(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise TypeError("handler of another error") from error
    rows = [
        {
            "path": ".".join(str(part) for part in found["loc"][1:]),
            "message": found["msg"],
            "text": {"zh": wrong_field(found["type"], found.get("ctx", {})), "en": found["msg"]},
        }
        for found in error.errors()
    ]
    return problem(
        422,
        "; ".join(f"{row['path']}: {row['message']}" for row in rows),
        zh=INVALID["zh"],
        en=INVALID["en"],
        errors=rows,
    )


async def _http(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise TypeError("handler of another error") from error
    zh = TITLES_ZH.get(error.status_code, TITLES_ZH[400])
    return problem(error.status_code, str(error.detail), zh=zh, headers=error.headers)


async def _storage(request: Request, error: Exception) -> Response:
    fault = storage_fault(error)
    if isinstance(error, StoreError) and fault is NOT_WRITABLE:
        fault = STORE_AWAY
    structlog.get_logger(part="http").warning("storage unavailable", path=logged_path(request), cause=fault.code)
    return storage_problem(fault)


def storage_problem(fault: StorageFault) -> JSONResponse:
    """Return the problem of a request that storage refused. The request has changed nothing."""
    retry = "try again when there is space" if fault.code == "disk_full" else "try again soon"
    detail = f"{fault.en}: nothing was changed; {retry}"
    zh = f"{fault.zh}：未做任何更改，请稍后再试"
    return problem(503, detail, zh=zh, headers={"Retry-After": str(RETRY_S)}, cause=fault.code)


def logged_path(request: Request) -> str:
    """Return the path of a request for the log, without the token, code or receipt that a public route has in it."""
    return _SECRET.sub(r"\1…", request.url.path)


async def _unexpected(request: Request, error: Exception) -> Response:
    structlog.get_logger(part="http").error(
        "request failed", path=logged_path(request), error=f"{type(error).__name__}", exc_info=error
    )
    return problem(500, "the request failed; see the log of the service", zh="请求失败，原因见服务日志")
