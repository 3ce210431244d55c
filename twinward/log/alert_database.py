"""Alert database of nodes that share a log: one writes it, and a silent server blocks no call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .server import same_server

if TYPE_CHECKING:  # loaded with the alerts
    from sqlalchemy import Engine

    from alerts import OwnerFence

    from .server import LogOwner


def own_database(engine: Engine, url: str, owner: LogOwner | None) -> OwnerFence | None:
    """Take the alert database for the owner of the role alert; None if no other node can be one.

    url: of the engine; its connections end with those of the owner if both are on one server. Blocks during a write of
    the former owner.
    """
    if owner is None or not owner.shared:
        return None
    from alerts import OwnerFence, ServerConnections  # noqa: PLC0415 - loads the database

    from .owners import Owner  # noqa: PLC0415 - as above

    if isinstance(owner, Owner) and same_server(url, owner.url):
        connections = ServerConnections(engine, lambda: owner.pulse.silent)
        owner.pulse.ends.append(connections.end)
    return OwnerFence(engine)
