"""Orders that were sent from memory and wait for the database, with a copy on disk for a restart."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import orjson
import structlog

from alerts.model import EmergencyOrder

AGE_NS_MAX = 86_400_000_000_000
"""Age of an order of an earlier process that is still sent: a later one would call people to a danger of the past."""


class WaitingOrders:
    """Orders by id, each with its giver. Methods may be called from several threads.

    Each change is written to the file and synchronised before it returns. A full disk delays no order:
    it then waits in memory alone, and `unwritten` is True.
    """

    def __init__(self, path: Path | None = None) -> None:
        """path: None for memory alone. The orders of an earlier process wait again."""
        self._path, self._lock = path, threading.Lock()
        self._orders: dict[str, tuple[EmergencyOrder, str]] = {}
        self._log = structlog.get_logger(part="emergency orders")
        self.unwritten = False
        if path is not None and path.exists():
            self._orders = self._read(path)
        self._former = set(self._orders)

    def all(self) -> Sequence[tuple[EmergencyOrder, str]]:
        """Return each order with its giver, in order of waiting."""
        with self._lock:
            return list(self._orders.values())

    def put(self, order: EmergencyOrder, by: str) -> None:
        """Let an order wait, in place of a former version."""
        with self._lock:
            self._orders[order.id] = order, by
            self._former.discard(order.id)
            self._write()

    def expired(self, order: EmergencyOrder, now_ns: int) -> bool:
        """Return whether an order of an earlier process is too old to be sent."""
        with self._lock:
            return order.id in self._former and now_ns - order.sent_ns > AGE_NS_MAX

    def remove(self, order: EmergencyOrder, by: str) -> None:
        """Remove an order that the database has, unless a newer version waits."""
        with self._lock:
            if self._orders.get(order.id) == (order, by):
                del self._orders[order.id]
                self._write()

    def refused(self, order: EmergencyOrder, error: Exception) -> None:
        """Log that the database rejects an order, which continues to wait."""
        self._log.error("an order cannot be stored", order=order.id, error=f"{type(error).__name__}")

    def _write(self) -> None:
        if self._path is None:
            return
        try:
            if not self._orders:
                self._path.unlink(missing_ok=True)
            else:
                self._replace(self._path, orjson.dumps([[asdict(one), by] for one, by in self._orders.values()]))
            self.unwritten = False
        except OSError as error:
            self.unwritten = True
            self._log.error("an order waits in memory alone", error=f"{type(error).__name__}: {error}")

    @staticmethod
    def _replace(path: Path, content: bytes) -> None:
        fresh = path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read(self, path: Path) -> dict[str, tuple[EmergencyOrder, str]]:
        """Return the orders of the file; one that cannot be read is set aside and logged."""
        try:
            return {one["id"]: (_order(one), str(by)) for one, by in orjson.loads(path.read_bytes())}
        except (OSError, LookupError, TypeError, ValueError) as error:
            self._log.error("the waiting orders cannot be read", file=str(path), error=f"{type(error).__name__}")
            path.replace(path.with_suffix(".unreadable"))
            return {}


def _order(table: dict[str, Any]) -> EmergencyOrder:
    """Return the order of a table. Raises TypeError for missing or unknown columns."""
    lists = {field.name: tuple(table[field.name]) for field in fields(EmergencyOrder) if _is_list(field.type)}
    return EmergencyOrder(**(table | lists))


def _is_list(kind: object) -> bool:
    return str(kind).startswith("tuple")
