"""ASGI application: all routes, each with authentication unless it states otherwise."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from alerts import AlertDispatch, People

from . import (
    accounts,
    alarm_load,
    archives,
    cameras,
    campus,
    coverage,
    dangers,
    detectors,
    displays,
    documents,
    drills,
    emergency_orders,
    events,
    handovers,
    hazards,
    health,
    inspection_documents,
    inspections,
    links,
    overview,
    pages,
    people,
    plans,
    posts,
    preview,
    push,
    readings,
    record,
    register,
    register_lists,
    reports,
    risk,
    rosters,
    sensor_tests,
    sensors,
    sessions,
    setup,
    silences,
    sms_replies,
    supervision,
    tickets,
    training,
)
from . import service_state as condition
from .dependencies import PREFIX, Dependencies, account, served
from .document import complete
from .installation import Installation
from .problem import install, problems
from .request_limits import RequestLimits
from .settings import HttpSettings
from .streams import Streams
from .tail import Tail
from .telemetry import Telemetry
from .transport import transport
from .trusted_proxies import TrustedProxies

CLOSED = (
    drills,
    cameras,
    campus,
    archives,
    documents,
    risk,
    register,
    register_lists,
    overview,
    plans,
    posts,
    preview,
    sensors,
    readings,
    accounts,
    hazards,
    alarm_load,
    coverage,
    silences,
    handovers,
    detectors,
    tickets,
    training,
    sensor_tests,
    supervision,
    dangers,
    inspection_documents,
    inspections,
    emergency_orders,
    record,
    people,
    push,
    setup,
    displays,
    rosters,
    condition,
    events,
)
"""Modules that require a token on each of their routes. The sign-in, one-time links and public reports do not."""


COMPRESSED_MIN, COMPRESSION = 2_048, 2
"""Bytes from which a response is compressed, and the level of gzip: a higher one costs more time than it saves."""


class Api(FastAPI):
    """FastAPI with a complete OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, built once."""
        if self.openapi_schema is None:
            self.openapi_schema = complete(super().openapi())
        return self.openapi_schema


def create_app(
    dispatch: AlertDispatch,
    people: People,
    telemetry: Telemetry,
    *,
    settings: HttpSettings,
    clock: Callable[[], int],
    version: str = "",
    inner: Callable[[ASGIApp], ASGIApp] | None = None,
    installation: Installation | None = None,
    channels: Sequence[object] = (),
) -> FastAPI:
    """Return the HTTP interface and the console over a running service.

    clock: ns since 1970 UTC. inner: middleware inside all others, which sees the client behind a proxy.
    installation: None without a set-up. channels: those whose provider posts replies have an
    address, and browsers subscribe to the one for Web Push.
    """
    tail = Tail(dispatch, lambda: telemetry.condition().version)
    streams = Streams(people, total_max=settings.listeners_max, account_max=settings.account_listeners_max)
    app = routed(version, lifespan=_lifespan(tail, streams))
    app.state.parts = Dependencies(
        dispatch, people, telemetry, settings, clock, tail, streams, transport(settings), installation,
        *served(channels),
    )  # fmt: skip
    if inner is not None:
        app.add_middleware(inner)
    app.add_middleware(GZipMiddleware, minimum_size=COMPRESSED_MIN, compresslevel=COMPRESSION)
    limits = {"body_bytes_max": settings.body_bytes_max, "picture_bytes_max": settings.picture_bytes_max}
    app.add_middleware(RequestLimits, **limits, registry=telemetry.registry)
    if settings.proxies:
        app.add_middleware(TrustedProxies, settings=settings)
    return app


def routed(version: str = "", *, lifespan: Callable[[FastAPI], Any] | None = None) -> FastAPI:
    """Return the application with its routes and no service behind them: enough for the OpenAPI document."""
    app = Api(
        title="Twinward",
        version=version or "0",
        description="Early warning and dual prevention for a campus.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    api = APIRouter(prefix=PREFIX, responses=problems(413, 422, 429, 500, 503))
    api.include_router(sessions.router)
    api.include_router(links.router)
    api.include_router(reports.router)
    api.include_router(sms_replies.router)
    api.include_router(setup.opening)
    for module in CLOSED:
        api.include_router(module.router, dependencies=[Depends(account)], responses=problems(401, 403))
    app.include_router(api)
    app.include_router(health.router)
    app.include_router(links.page)
    app.include_router(pages.router)
    install(app)
    return app


def _lifespan(*parts: Tail | Streams) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        running = [asyncio.create_task(part.run()) for part in parts]
        yield
        for part in parts:
            part.stop()
        await asyncio.gather(*running, return_exceptions=True)

    return lifespan
