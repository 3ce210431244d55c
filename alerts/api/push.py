"""Routes of Web Push: the key of the service, and the browsers of the caller."""

from __future__ import annotations

import base64
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from alerts import Invalid, NotFound
from alerts.errors import ChannelError

from .dependencies import ActorIn, Dependencies, DependenciesIn
from .problem import problems
from .schemas.push import Push, PushBrowser, browser_body

router = APIRouter(tags=["people"])
ENDPOINT_MAX, NAME_MAX = 1_024, 64
AUTH_BYTES = 16
_POINT = ("a point of P-256 in base64url", "须为 base64url 编码的 P-256 公钥")
_AUTH = (f"{AUTH_BYTES} bytes in base64url", f"须为 base64url 编码的 {AUTH_BYTES} 字节")


class BrowserToRegister(BaseModel, extra="forbid"):
    """A subscription of the caller's browser (Push API, `PushSubscription`)."""

    name: Annotated[str, Field(min_length=1, max_length=NAME_MAX, examples=["own phone"])]
    endpoint: Annotated[
        str,
        Field(max_length=ENDPOINT_MAX, description="at the push service", examples=["https://push.example/v2/kQ2v"]),
    ]
    p256dh: Annotated[
        str,
        Field(
            max_length=96,
            description="public key of the browser, base64url",
            examples=["BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"],
        ),
    ]
    auth: Annotated[
        str, Field(max_length=32, description="secret of the browser, base64url", examples=["BTBZMqHH6r4Tts7J_aSIgg"])
    ]


@router.get("/me/push")
def push(service: DependenciesIn, actor: ActorIn) -> Push:
    """Return the key for subscriptions and the caller's browsers, the oldest first."""
    channel, found = service.push, service.people.push_devices.of(actor.username)
    return Push(key=channel.application_key() if channel else None, browsers=[browser_body(one) for one in found])


@router.post("/me/push/browsers", status_code=201, responses=problems(404))
def register(service: DependenciesIn, actor: ActorIn, given: Annotated[BrowserToRegister, Body()]) -> PushBrowser:
    """Register the browser. An account has ten at most: a further one replaces the oldest.

    404 without a channel for Web Push. A browser belongs to the last account that has registered it.
    """
    if service.push is None:
        raise NotFound("channel", "")
    if mistakes := _mistakes(service, given):
        raise Invalid.in_both(mistakes)
    return browser_body(service.people.push_devices.add(actor, **given.model_dump()))


@router.delete("/me/push/browsers/{browser}", status_code=204, responses=problems(404))
def remove(service: DependenciesIn, actor: ActorIn, browser: str) -> None:
    """Remove one of the caller's browsers; it receives no further message."""
    service.people.push_devices.remove(actor, browser)


def _mistakes(service: Dependencies, given: BrowserToRegister) -> dict[str, tuple[str, str]]:
    found = dict[str, tuple[str, str]]()
    try:
        if service.push is not None:
            service.push.check(given.endpoint)
    except ChannelError as error:
        found["endpoint"] = (str(error), "推送地址不可用")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _decoded(given.p256dh))
    except ValueError:
        found["p256dh"] = _POINT
    try:
        right = len(_decoded(given.auth)) == AUTH_BYTES
    except ValueError:
        right = False
    return found if right else found | {"auth": _AUTH}


def _decoded(text: str) -> bytes:
    """Return the bytes of base64url without padding. Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
