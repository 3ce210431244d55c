"""Routes of detectors: rules of the running recipe, with their qualification and counts."""

from __future__ import annotations

from fastapi import APIRouter

from alerts import Actor, NotFound
from detectors import RuleFacts, recipe_digest, rule_facts

from .dependencies import ActorIn, Dependencies, DependenciesIn, SiteQuery
from .problem import problems
from .schemas.detectors import Detector, Detectors, detector_body
from .telemetry import UNQUALIFIED

router = APIRouter(tags=["detectors"])
MONTH_NS = 30 * 86_400 * 1_000_000_000


@router.get("/detectors")
def detectors(service: DependenciesIn, actor: ActorIn, site: SiteQuery = None) -> Detectors:
    """List the rules of the running recipe in its order; site: the counts are of this site only."""
    recipe = service.telemetry.recipe
    bodies = _bodies(service, actor, rule_facts(recipe), site)
    return Detectors(recipe=recipe.name, digest=recipe_digest(recipe), items=bodies)


@router.get("/detectors/{rule}", responses=problems(404))
def detector(service: DependenciesIn, actor: ActorIn, rule: str, site: SiteQuery = None) -> Detector:
    """Return one rule of the running recipe."""
    found = [facts for facts in rule_facts(service.telemetry.recipe) if facts.name == rule]
    if not found:
        raise NotFound("rule", rule)
    [body] = _bodies(service, actor, found, site)
    return body


def _bodies(service: Dependencies, actor: Actor, rules: list[RuleFacts], site: str | None) -> list[Detector]:
    qualified = service.telemetry.qualified()
    counts = service.dispatch.queries.rule_counts(actor, site=site, since_ns=service.clock() - MONTH_NS)
    return [detector_body(one, qualified.get(one.name, UNQUALIFIED), counts.get(one.name)) for one in rules]
