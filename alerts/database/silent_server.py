"""End the connections to a PostgreSQL server that does not answer, on which every call would wait."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

import psycopg
from sqlalchemy import Engine, event


class ServerConnections:
    """Connections of an engine, to be ended together; while `silent` returns true, none is opened."""

    def __init__(self, engine: Engine, silent: Callable[[], bool]) -> None:
        """engine: on PostgreSQL; its idle connections are closed, and no other must be open."""
        self._silent, self._lock = silent, threading.Lock()
        self._sockets: dict[int, socket.socket] = {}
        event.listen(engine, "do_connect", self._refuse)
        event.listen(engine, "connect", self._opened)
        event.listen(engine, "close", self._closed)
        engine.dispose()

    def end(self) -> None:
        """End every connection: calls that wait for an answer raise OperationalError."""
        with self._lock:
            sockets = list(self._sockets.values())
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _refuse(self, *_: Any) -> None:
        if self._silent():
            raise psycopg.OperationalError("the server does not answer")

    def _opened(self, connection: Any, _record: object) -> None:
        # a duplicate: the number of the descriptor itself may belong to another file when `end` is called
        try:
            copy = socket.socket(fileno=os.dup(connection.fileno()))
        except OSError:  # no descriptor is free: the connection works, and its own limits end it
            return
        with self._lock:
            self._sockets[id(connection)] = copy

    def _closed(self, connection: Any, _record: object) -> None:
        with self._lock:
            copy = self._sockets.pop(id(connection), None)
        if copy is not None:
            copy.close()
