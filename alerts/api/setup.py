"""Routes of the first set-up: administrator by a one-time code, school, broker, device accounts."""

from __future__ import annotations

import threading
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request

import alerts
from alerts import Actor, Forbidden, GuardFailed, Invalid
from alerts.plans.plan import Floor, Plan
from detectors import Calendar, RecipeError

from .cookies import require_own_origin
from .dependencies import ActorIn, Dependencies, DependenciesIn
from .installation import Installation
from .problem import problems
from .schemas import setup as schemas
from .schemas.people import Person, person_body
from .schemas.plans import Plan as PlanBody
from .schemas.plans import plan_body

router = APIRouter(tags=["set-up"], prefix="/setup")
opening = APIRouter(tags=["set-up"], prefix="/setup")
"""Route without a token: it makes the first account."""
_creating = threading.Lock()


@opening.post("/administrator", status_code=201, responses=problems(403, 409))
def administrator(
    request: Request, service: DependenciesIn, given: Annotated[schemas.FirstAdministrator, Body()]
) -> Person:
    """Create the first administrator with the code that the service printed at its first start."""
    require_own_origin(request)
    installation = service.installation
    with _creating:
        if service.people.accounts():
            raise GuardFailed("has_accounts", "已有账号，请直接登录", "accounts exist; sign in")
        if installation is None or not installation.opens(given.code):
            raise Forbidden(
                "set_up",
                (
                    "the code is not that of this start; the service prints the link when it starts",
                    "链接已失效，请使用服务最近一次启动时给出的链接",
                ),
            )
        name = {"zh": "管理员", "en": "Administrator"}
        made = service.people.create(given.username, given.password, roles=["admin"], name=name)
        installation.opened()
    return person_body(made)


@router.get("", responses=problems(409))
def state(service: DependenciesIn, actor: ActorIn) -> schemas.SetUpState:
    """Return the state of the set-up."""
    return schemas.SetUpState(broker=_installation(service, actor).broker())


@router.put("/school", responses=problems(409))
def school(service: DependenciesIn, actor: ActorIn, given: Annotated[schemas.School, Body()]) -> PlanBody:
    """Create a school with its calendar and an empty plan. The calendar counts from the next start on."""
    _installation(service, actor)
    table: dict[str, Any] = {
        "timezone": given.timezone,
        "open": given.opens,
        "close": given.closes,
        "holidays": given.holidays,
    }
    if given.weekend:
        table |= {"weekend_open": given.opens, "weekend_close": given.closes}
    try:
        Calendar.from_table(table)
    except RecipeError as error:
        raise Invalid.in_both(
            {"calendar": ("; ".join(error.faults), "校历有误：请检查时区、作息时间和假期")}
        ) from error
    if given.id in service.dispatch.registry.sites:
        raise GuardFailed("site_exists", f"学校 {given.id} 已存在", f"the school {given.id} exists")
    site = alerts.Site(given.id, given.name.zh, given.name.en, kind=given.kind)
    width, height = site.size_m
    corners = ((5.0, 5.0), (width - 5, 5.0), (width - 5, height - 5), (5.0, height - 5))
    zone = alerts.Zone(given.id, "campus", "校园", "Campus", polygon=corners)
    made = Plan(site, (Floor(1),), (zone,), calendar=table)
    return plan_body(made, service.dispatch.plans.found(actor, made))


@router.post("/broker/test", responses=problems(409))
def test_broker(
    service: DependenciesIn, actor: ActorIn, given: Annotated[schemas.BrokerChoice, Body()]
) -> schemas.BrokerTest:
    """Connect to a broker with these settings, without storing them."""
    return schemas.BrokerTest(problem=_installation(service, actor).test(given))


@router.put("/broker", status_code=202, responses=problems(409))
def choose_broker(
    service: DependenciesIn, actor: ActorIn, given: Annotated[schemas.BrokerChoice, Body()]
) -> schemas.BrokerTest:
    """Store the broker and start the service again with it; a broker that fails its test is not stored.

    Without a connection within 45 s the former broker returns, and `fault` of the state has the reason.
    """
    installation = _installation(service, actor)
    problem = installation.test(given)
    if not problem:
        facts = {"embedded": given.embedded, "url": given.url, "host": given.host if given.embedded else ""}
        service.dispatch.note("setup.broker_chosen", actor.username, site="", subject="broker", facts=facts)
        installation.choose(given)
    return schemas.BrokerTest(problem=problem)


@router.post("/devices", status_code=201, responses=problems(409))
def add_device(
    service: DependenciesIn, actor: ActorIn, given: Annotated[schemas.DeviceToAdd, Body()]
) -> schemas.DeviceAccount:
    """Create the account of a device at the embedded broker. The response has its password, which is shown once."""
    if not actor.sees(given.site):
        raise Forbidden("set_up", ("the device would belong to another school", "设备将属于另一所学校"))
    made = _installation(service, actor).add_device(given)
    facts = {"account": made.username}
    service.dispatch.note("setup.device_added", actor.username, site=given.site, subject=given.name, facts=facts)
    return made


def _installation(service: Dependencies, actor: Actor) -> Installation:
    if actor.sites is not None:
        raise GuardFailed(
            "one_school", "只有全部学校的管理员可以设置", "only an administrator of every school sets the service up"
        )
    if service.installation is None:
        raise GuardFailed("no_set_up", "此运行方式不支持设置", "this way of running the service has no set-up")
    return service.installation
