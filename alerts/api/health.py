"""Routes of liveness, readiness and metrics."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from detectors import recipe_digest

from .cookies import credential
from .dependencies import DependenciesIn
from .problem import Unauthorized, problems
from .schemas.service import Liveness, Readiness, RunningRecipe, fault_body

router = APIRouter(tags=["health"])


@router.get("/healthz")
def healthz() -> Liveness:
    """Report that the process runs."""
    return Liveness(status="ok")


@router.get("/readyz", responses={503: {"model": Readiness, "description": "a part does not work"}})
def readyz(service: DependenciesIn, response: Response) -> Readiness:
    """Report whether each part works: 200 if all do, otherwise 503.

    `faults` lists own faults with their start. A fault of grade yellow (a disk that is nearly full) does not affect
    readiness.
    """
    checks = dict(service.telemetry.health())
    faults = [fault_body(fault) for fault in service.telemetry.condition().faults]
    ready = all(checks.values()) and not any(fault.grade == "red" for fault in faults)
    response.status_code = 200 if ready else 503
    recipe = service.telemetry.recipe
    running = RunningRecipe(
        name=recipe.name, version=recipe.version, digest=recipe_digest(recipe), overrides=len(recipe.overrides)
    )
    return Readiness(ready=ready, recipe=running, parts=checks, faults=faults)


@router.get("/metrics", response_class=PlainTextResponse, responses=problems(401))
def metrics(request: Request, service: DependenciesIn) -> Response:
    """Return metrics in the Prometheus text format, without personal data."""
    if not service.settings.metrics_open and service.people.who(credential(request)) is None:
        raise Unauthorized
    return Response(generate_latest(service.telemetry.registry), media_type=CONTENT_TYPE_LATEST)
