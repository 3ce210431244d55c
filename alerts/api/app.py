"""The application: every route in one place, closed unless it says otherwise."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from fastapi import APIRouter, Depends, FastAPI

from alerts import AlertDispatch, People

from . import accounts, campus, events, hazards, health, pages, readings, record, sensors, sessions, tickets
from . import service_state as condition
from .dependencies import Dependencies, account
from .problem import install
from .request_limits import RequestLimits
from .settings import HttpSettings
from .tail import Tail
from .telemetry import Telemetry

CLOSED = (campus, sensors, readings, accounts, hazards, tickets, record, condition, events)
"""Every module here asks for a token, on each of its routes; only the sign-in does without."""


def create_app(
    desk: AlertDispatch,
    people: People,
    telemetry: Telemetry,
    *,
    settings: HttpSettings,
    clock: Callable[[], int],
    version: str = "",
) -> FastAPI:
    """The HTTP interface and the console over a running service."""
    tail = Tail(desk, lambda: telemetry.condition().version)
    app = FastAPI(
        title="Twinward",
        version=version or "0",
        description="Early warning and dual prevention for a campus.",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(tail),
    )
    app.state.parts = Dependencies(desk, people, telemetry, settings, clock, tail)
    api = APIRouter(prefix="/api/v1")
    api.include_router(sessions.router)
    for module in CLOSED:
        api.include_router(module.router, dependencies=[Depends(account)])
    app.include_router(api)
    app.include_router(health.router)
    app.include_router(pages.router)
    install(app)
    app.add_middleware(RequestLimits, body_bytes_max=settings.body_bytes_max, registry=telemetry.registry)
    return app


def _lifespan(tail: Tail) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(tail.follow())
        yield
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following

    return lifespan
