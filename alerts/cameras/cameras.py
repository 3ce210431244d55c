"""Stills of cameras on request: permission, reason, and an audit entry before the picture is shown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from alerts.database import journal
from alerts.errors import GuardFailed, Invalid, NotFound
from alerts.people.access import Actor, require

if TYPE_CHECKING:
    from .camera_file import Camera

REASON_MIN, REASON_MAX = 2, 200
AT_ONCE = 4
"""Stills fetched at the same time at most, so that cameras without a response leave threads for other requests."""
WAIT_S = 4.0


class Cameras:
    """Cameras of all sites. Methods may be called from several threads."""

    def __init__(self, engine: Engine, clock: Callable[[], int], given: Sequence[Camera] = ()) -> None:
        self._engine, self._clock = engine, clock
        self._cameras = {(one.site, one.id): one for one in given}
        self._running = threading.BoundedSemaphore(AT_ONCE)

    def use(self, given: Sequence[Camera]) -> None:
        """Replace the cameras by these."""
        self._cameras = {(one.site, one.id): one for one in given}

    def of_site(self, actor: Actor, site: str) -> list[Camera]:
        """Return the cameras of a site by id. Raises Forbidden, and NotFound for a site out of scope."""
        require(actor, "see_camera")
        if not actor.sees(site):
            raise NotFound("site", site)
        return sorted((one for one in self._cameras.values() if one.site == site), key=lambda one: one.id)

    def still(self, actor: Actor, site: str, camera_id: str, *, reason: str, hazard: str = "") -> bytes:
        """Return a JPEG of the camera now; each request is audited with its result before it returns.

        Raises Forbidden, NotFound, Invalid and GuardFailed.
        """
        require(actor, "see_camera")
        camera = self._cameras.get((site, camera_id))
        if camera is None or not actor.sees(site):
            raise NotFound("camera", camera_id)
        given = reason.strip()
        if not REASON_MIN <= len(given) <= REASON_MAX:
            wanted = f"the reason in {REASON_MIN} to {REASON_MAX} characters"
            raise Invalid({"reason": wanted}, zh={"reason": f"请填写查看理由（{REASON_MIN}至{REASON_MAX}字）"})
        result = "failed"
        try:
            taken = self._fetched(camera)
            result = "shown"
        except GuardFailed as error:
            result = error.guard
            raise
        finally:
            self._audit(actor, camera, {"reason": given, "hazard": hazard, "result": result})
        return taken

    def _fetched(self, camera: Camera) -> bytes:
        from .snapshot import fetch  # noqa: PLC0415 - a service without cameras loads no client

        if not self._running.acquire(timeout=WAIT_S):
            raise GuardFailed(
                "camera_busy", "正在读取其他摄像机，请稍后再试", "other cameras are being read; try again soon"
            )
        try:
            return fetch(camera)
        finally:
            self._running.release()

    def _audit(self, actor: Actor, camera: Camera, facts: dict[str, str]) -> None:
        with self._engine.begin() as connection:
            journal.append(
                connection,
                at_ns=self._clock(),
                actor=actor.username,
                kind="camera.still",
                site=camera.site,
                subject=camera.id,
                facts={"place": camera.place} | facts,
            )
