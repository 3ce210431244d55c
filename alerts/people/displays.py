"""Display accounts: read-only, of one site, without expiry, revocable immediately."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, Select, delete, insert, select, true

from alerts.database import journal
from alerts.database.keyset import Column, Order, Page
from alerts.database.row_changes import RowChange, added, removed
from alerts.database.schema import displays
from alerts.errors import NotFound

from .access import Actor

PREFIX = "display."
"""First characters of a code and of a display's user name; a session token never contains a dot."""


@dataclass(frozen=True, slots=True)
class Display:
    """One display account without its code. name: where the display hangs."""

    id: str
    site: str
    name: str
    created_by: str
    created_ns: int

    @property
    def username(self) -> str:
        """Return the name of the display in the audit."""
        return PREFIX + self.id


DISPLAY_ORDER: Order[Display] = Order("displays", (Column(displays.c.id, str),), lambda one: (one.id,))
"""By id."""


class Displays:
    """Display accounts. The database holds the SHA-256 of each code. Methods may be called from several threads.

    A code is the secret of one display: 256 random bits behind the prefix. It may be presented again after a restart
    of the display's computer.
    """

    def __init__(self, engine: Engine, clock: Callable[[], int]) -> None:
        self._engine, self._clock = engine, clock
        self._reading = engine.execution_options(writes=False)

    def create(self, actor: Actor, *, site: str, name: str) -> tuple[Display, str]:
        """Return a new display account and its code, which is not kept."""
        code = PREFIX + secrets.token_urlsafe(32)
        made = Display(secrets.token_hex(4), site, name, actor.username, self._clock())
        row = asdict(made) | {"digest": _digest(code)}
        with self._engine.begin() as connection:
            connection.execute(insert(displays).values(row))
            self._record(connection, "display.created", actor, made, added(displays, row))
        return made, code

    def page(self, actor: Actor, page: Page) -> list[Display]:
        """Return the display accounts of the actor's sites in DISPLAY_ORDER. Raises Invalid for the cursor."""
        with self._reading.connect() as connection:
            rows = connection.execute(DISPLAY_ORDER.page(_scoped(actor), page)).mappings()
            return [_display(row) for row in rows]

    def revoke(self, actor: Actor, identity: str) -> Display:
        """Delete a display account; its next request is refused. Raises NotFound, also for a site out of scope."""
        with self._reading.connect() as connection:
            row = connection.execute(_scoped(actor).where(displays.c.id == identity)).mappings().first()
        if row is None:
            raise NotFound("display", identity)
        found = _display(row)
        with self._engine.begin() as connection:
            connection.execute(delete(displays).where(displays.c.id == identity))
            change = removed(displays, {"id": identity})
            self._record(connection, "display.revoked", actor, found, change)
        return found

    def find(self, code: str) -> Display | None:
        """Return the display of a code, None for an unknown or revoked one."""
        if not code.startswith(PREFIX):
            return None
        with self._reading.connect() as connection:
            query = select(displays).where(displays.c.digest == _digest(code))
            row = connection.execute(query).mappings().first()
        return _display(row) if row else None

    def _record(self, connection: Connection, kind: str, actor: Actor, display: Display, change: RowChange) -> None:
        journal.append(
            connection,
            at_ns=self._clock(),
            actor=actor.username,
            kind=kind,
            site=display.site,
            subject=display.username,
            facts={"display": display.username, "name": display.name},
            rows=[change],
        )

    def alive(self, codes: Collection[str]) -> frozenset[str]:
        """Return the codes of displays that nobody has revoked, with one query."""
        by_digest = {_digest(code): code for code in codes}
        with self._reading.connect() as connection:
            found = connection.scalars(select(displays.c.digest).where(displays.c.digest.in_(by_digest)))
            return frozenset(by_digest[digest] for digest in found)


def _scoped(actor: Actor) -> Select[Any]:
    return select(displays).where(true() if actor.sites is None else displays.c.site.in_(sorted(actor.sites)))


def _display(row: Mapping[str, Any] | RowMapping) -> Display:
    return Display(row["id"], row["site"], row["name"], row["created_by"], row["created_ns"])


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
