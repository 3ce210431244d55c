"""Whether the process lives, whether it can do its work, and its metrics."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from .parts import PartsIn, bearer
from .problem import Unauthorized

router = APIRouter(tags=["health"])


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@router.get("/readyz", response_model=None, responses={503: {"description": "a part does not work"}})
def readyz(service: PartsIn) -> Response:
    """Every part works: 200; otherwise 503 with the parts that do not."""
    checks = dict(service.telemetry.health())
    ready = all(checks.values())
    return JSONResponse({"ready": ready, "parts": checks}, 200 if ready else 503)


@router.get("/metrics", response_model=None)
def metrics(request: Request, service: PartsIn) -> Response:
    """Metrics in the Prometheus text format; no personal data."""
    if not service.settings.metrics_open and service.people.who(bearer(request)) is None:
        raise Unauthorized
    return Response(generate_latest(service.telemetry.registry), media_type=CONTENT_TYPE_LATEST)
