"""Notices of acknowledgements to the programs that follow them: PagerDuty and Alertmanager."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from alerts.database import rows
from alerts.database.commits import mark_written
from alerts.database.schema import notices
from alerts.model import Hazard, Notice, identity
from alerts.risk.registry import Registry

from .channels.contract import ACKNOWLEDGEMENTS, Channel, Selective
from .writer import hazard_body


class Followers:
    """Programs with a choice of notices that receive acknowledgements and their ends."""

    def __init__(self, channels: Sequence[Channel], registry: Registry) -> None:
        self._channels = [one for one in channels if one.for_programs and isinstance(one, Selective)]
        self._registry = registry

    def inform(self, connection: Connection, hazard: Hazard, at_ns: int) -> None:
        """Write the notices of a hazard whose acknowledgement has changed, in the caller's transaction."""
        kind = ACKNOWLEDGEMENTS[0 if hazard.acknowledged_by else 1]
        body = hazard_body(hazard, None, self._registry, pages=False) | {"acknowledged_by": hazard.acknowledged_by}
        about = (hazard.site, hazard.id, "")
        for channel in self._channels:
            if isinstance(channel, Selective) and channel.accepts(kind, body, pages=False):
                key = f"msg_{identity(kind, hazard.id, hazard.version, channel.name)}"
                notice = Notice.pending(key, channel=channel.name, type=kind, body=body, at_ns=at_ns, about=about)
                rows.add(connection, notices, notice)
                mark_written(connection)
