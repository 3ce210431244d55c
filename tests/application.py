"""The HTTP interface for tests: its routes are built once per process, which takes FastAPI 0.2 s."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any
from unittest.mock import patch

from fastapi import FastAPI
from starlette.datastructures import State

from alerts.api import app
from alerts.api.app import routed


@cache
def built() -> FastAPI:
    """Return the application whose routes the others share; it serves nothing."""
    return routed(lifespan=lambda made: made.state.lifespan(made))


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return built().openapi()


def create_app(*parts: Any, **options: Any) -> FastAPI:
    """Return the application of `alerts.api.create_app` with the shared routes."""
    with patch.object(app, "routed", _shared):
        return app.create_app(*parts, **options)


def _shared(version: str = "", *, lifespan: Callable[[FastAPI], Any]) -> FastAPI:
    """Return an application with the shared routes, and state, middleware and lifespan of its own."""
    made = copy.copy(built())
    made.version = version or "0"
    made.openapi = document
    made.state, made.user_middleware, made.middleware_stack = State({"lifespan": lifespan}), [], None
    return made
