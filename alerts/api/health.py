"""Whether the process lives, whether it can do its work, and its metrics."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from .dependencies import DependenciesIn, bearer
from .problem import Unauthorized
from .service_state import fault_json

router = APIRouter(tags=["health"])


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@router.get("/readyz", response_model=None, responses={503: {"description": "a part does not work"}})
def readyz(service: DependenciesIn) -> Response:
    """Every part works: 200; otherwise 503 with the parts that do not. `faults`: of what people were told, since when.

    A warning (a disk that is nearly full) stands among the faults and leaves the service ready.
    """
    checks = dict(service.telemetry.health())
    ready = all(checks.values())
    faults = [fault_json(fault) for fault in service.telemetry.condition().faults]
    return JSONResponse({"ready": ready, "parts": checks, "faults": faults}, 200 if ready else 503)


@router.get("/metrics", response_model=None)
def metrics(request: Request, service: DependenciesIn) -> Response:
    """Metrics in the Prometheus text format; no personal data."""
    if not service.settings.metrics_open and service.people.who(bearer(request)) is None:
        raise Unauthorized
    return Response(generate_latest(service.telemetry.registry), media_type=CONTENT_TYPE_LATEST)
