"""Browsers that accounts have registered for Web Push."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, RowMapping, delete, insert, select
from sqlalchemy.exc import IntegrityError

from alerts.database.engine import ALARM_LOCK_WAIT_MS
from alerts.database.schema import accounts, push_devices
from alerts.database.storage_faults import NOT_STORED, UNWRITTEN
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
        self._key = StoredKey(engine, "push_key", stored=True)
        self._kept: dict[str, _Reached] = {}

    def key(self) -> bytes:
        """Return the 32 random bytes from which the key of the service derives; a browser accepts that key alone.

        Raises the database's error while it rejects the first write of the key.
        """
        return self._key.read()

    def load(self) -> None:
        """Read the key and the browsers of all accounts, so that they are known while the database fails."""
        with suppress(*UNWRITTEN):  # the first registration makes the key
            self.key()
        with self._reading.connect() as connection:
            names = connection.scalars(select(push_devices.c.username).distinct()).all()
            self._kept = {name: _reached(connection, name) for name in names}

    def of(self, username: str) -> Sequence[PushDevice]:
        """Return the browsers of an account, the oldest first."""
        with self._reading.connect() as connection:
            found = self._kept[username] = _reached(connection, username)
        return found.devices

    def known(self, username: str, site: str) -> Sequence[PushDevice]:
        """Return the browsers of an account that sees the site; the last known ones while the database fails.

        site: "" for a message about no school.
        """
        with suppress(*NOT_STORED):
            self.of(username)
        found = self._kept.get(username, _NOBODY)
        return found.devices if not site or found.sites is None or site in found.sites else ()

    def add(self, actor: Actor, *, name: str, endpoint: str, p256dh: str, auth: str) -> PushDevice:
        """Register a browser for the actor's account. It leaves the account that it had before."""
        made = PushDevice(secrets.token_hex(8), actor.username, name, self._clock(), endpoint, p256dh, auth)
        try:
            before = self._write(made)
        except IntegrityError:  # another request registers the same browser at the same time
            before = self._write(made)
        for username in {actor.username, *before}:
            self.of(username)
        return made

    def _write(self, made: PushDevice) -> Sequence[str]:
        """Write a browser in place of surplus ones; return the accounts that had it before."""
        same = push_devices.c.endpoint == made.endpoint
        with self._engine.begin() as connection:
            before = connection.scalars(select(push_devices.c.username).where(same)).all()
            connection.execute(delete(push_devices).where(same))
            own = [one.id for one in _devices(connection, made.username)]
            surplus = own[: max(0, len(own) + 1 - DEVICES_MAX)]
            connection.execute(delete(push_devices).where(push_devices.c.id.in_(surplus)))
            connection.execute(insert(push_devices).values(asdict(made)))
        return before

    def remove(self, actor: Actor, identity: str) -> None:
        """Remove a browser of the actor's account. Raises NotFound."""
        own = (push_devices.c.id == identity) & (push_devices.c.username == actor.username)
        with self._engine.begin() as connection:
            if not connection.execute(delete(push_devices).where(own)).rowcount:
                raise NotFound("browser", identity)
        self.of(actor.username)  # keeps the others

    def discard(self, device: PushDevice) -> None:
        """Remove a browser that its push service no longer has."""
        with self._engine.execution_options(lock_wait_ms=ALARM_LOCK_WAIT_MS).begin() as connection:
            connection.execute(delete(push_devices).where(push_devices.c.id == device.id))
        self.of(device.username)  # as above

    def forget(self, connection: Connection, username: str) -> None:
        """Remove every browser of an account within the caller's transaction."""
        connection.execute(delete(push_devices).where(push_devices.c.username == username))
        self._kept.pop(username, None)


class _Reached(NamedTuple):
    """Browsers of an account, and the schools it sees; None for all."""

    sites: frozenset[str] | None
    devices: tuple[PushDevice, ...]


_NOBODY = _Reached(frozenset(), ())


def _reached(connection: Connection, username: str) -> _Reached:
    """Return the browsers of an account that may sign in."""
    own = accounts.c
    active = own.ended_ns.is_(None) & own.locked_ns.is_(None)
    row = connection.execute(select(own.sites).where(own.username == username, active)).first()
    if row is None:
        return _NOBODY
    return _Reached(None if row.sites is None else frozenset(row.sites), tuple(_devices(connection, username)))


def _devices(connection: Connection, username: str) -> list[PushDevice]:
    own = push_devices.c
    query = select(push_devices).where(own.username == username).order_by(own.created_ns, own.id)
    return [_device(row) for row in connection.execute(query).mappings()]


def _device(row: Mapping[str, Any] | RowMapping) -> PushDevice:
    return PushDevice(**row)
