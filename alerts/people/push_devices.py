"""Browsers that accounts have registered for Web Push."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, delete, insert, select

from alerts.database.schema import push_devices
from alerts.database.storage_faults import NOT_STORED
from alerts.database.stored_key import StoredKey
from alerts.errors import NotFound

from .access import Actor

DEVICES_MAX = 10
"""Browsers of one account; a further one replaces the oldest."""


@dataclass(frozen=True, slots=True)
class PushDevice:
    """One browser. name: as its person calls it; p256dh, auth: keys of the browser, base64url as it gave them."""

    id: str
    username: str
    name: str
    created_ns: int
    endpoint: str = field(repr=False)
    p256dh: str = field(repr=False)
    auth: str = field(repr=False)


class PushDevices:
    """Registered browsers in the database. Methods may be called from several threads."""

    def __init__(self, engine: Engine, clock: Callable[[], int]) -> None:
        self._engine, self._clock = engine, clock
        self._reading = engine.execution_options(writes=False)
        self._key = StoredKey(engine, "push_key")
        self._kept: dict[str, tuple[PushDevice, ...]] = {}

    def key(self) -> bytes:
        """Return the 32 random bytes from which the key of the service derives; the browsers trust that key alone."""
        return self._key.read()

    def load(self) -> None:
        """Read the key and the browsers of all accounts, so that they are known while the database fails."""
        self.key()
        with self._reading.connect() as connection:
            names = connection.scalars(select(push_devices.c.username).distinct()).all()
            self._kept = {name: tuple(_devices(connection, name)) for name in names}

    def of(self, username: str) -> Sequence[PushDevice]:
        """Return the browsers of an account, the oldest first; the last known ones while the database fails."""
        try:
            with self._reading.connect() as connection:
                found = tuple(_devices(connection, username))
        except NOT_STORED:
            return self._kept.get(username, ())
        self._kept[username] = found
        return found

    def add(self, actor: Actor, *, name: str, endpoint: str, p256dh: str, auth: str) -> PushDevice:
        """Register a browser for the actor's account. It leaves the account that it had before."""
        made = PushDevice(secrets.token_hex(8), actor.username, name, self._clock(), endpoint, p256dh, auth)
        with self._engine.begin() as connection:
            connection.execute(delete(push_devices).where(push_devices.c.endpoint == endpoint))
            own = [one.id for one in _devices(connection, actor.username)]
            surplus = own[: max(0, len(own) + 1 - DEVICES_MAX)]
            connection.execute(delete(push_devices).where(push_devices.c.id.in_(surplus)))
            connection.execute(insert(push_devices).values(asdict(made)))
        self.of(actor.username)  # keeps them
        return made

    def remove(self, actor: Actor, identity: str) -> None:
        """Remove a browser of the actor's account. Raises NotFound."""
        own = (push_devices.c.id == identity) & (push_devices.c.username == actor.username)
        with self._engine.begin() as connection:
            if not connection.execute(delete(push_devices).where(own)).rowcount:
                raise NotFound("browser", identity)
        self.of(actor.username)  # keeps the others

    def gone(self, device: PushDevice) -> None:
        """Remove a browser whose push service no longer knows it; it stays while the database rejects writes."""
        with self._engine.begin() as connection:
            connection.execute(delete(push_devices).where(push_devices.c.id == device.id))
        self.of(device.username)  # as above

    def forget(self, connection: Connection, username: str) -> None:
        """Remove every browser of an account within the caller's transaction."""
        connection.execute(delete(push_devices).where(push_devices.c.username == username))
        self._kept.pop(username, None)


def _devices(connection: Connection, username: str) -> list[PushDevice]:
    own = push_devices.c
    query = select(push_devices).where(own.username == username).order_by(own.created_ns, own.id)
    return [_device(row) for row in connection.execute(query).mappings()]


def _device(row: Mapping[str, Any] | RowMapping) -> PushDevice:
    return PushDevice(**row)
