"""Response schemas of Web Push."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from alerts.people.push_devices import PushDevice

from .fields import Body, Time, moment


class PushBrowser(Body):
    """One browser of the caller that receives Web Push, without its address."""

    id: Annotated[str, Field(examples=["5f0c2d1e9a7b4c3d"])]
    name: Annotated[str, Field(description="as its person calls it", examples=["own phone"])]
    registered_at: Time | None


class Push(Body):
    """Web Push of the caller."""

    key: Annotated[
        str | None,
        Field(
            description="`applicationServerKey` of a subscription; null without a channel for Web Push",
            examples=["BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"],
        ),
    ]
    browsers: list[PushBrowser]


def browser_body(device: PushDevice) -> PushBrowser:
    """Return a browser without its address."""
    return PushBrowser(id=device.id, name=device.name, registered_at=moment(device.created_ns))
