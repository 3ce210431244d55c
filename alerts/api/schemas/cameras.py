"""Response schemas of cameras; no address and no credential."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from alerts.cameras.camera_file import Camera as Given

from .fields import Body, Both, SiteId


class Camera(Body):
    """One camera that gives stills."""

    id: Annotated[str, Field(examples=["dorm-2-stairs"])]
    site: SiteId
    place: Annotated[str, Field(description="place that it shows, empty for no single place", examples=["d-101"])]
    name: Both


class CameraList(Body):
    """The cameras of a site."""

    items: list[Camera]


def camera_body(camera: Given) -> Camera:
    """Return a camera for the console."""
    name = Both(zh=camera.name_zh or camera.name_en or camera.id, en=camera.name_en or camera.name_zh or camera.id)
    return Camera(id=camera.id, site=camera.site, place=camera.place, name=name)
