"""Transient second session at the broker: receives live messages and leaves no state behind."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ingest.frame import Frame

from .connection import Connection
from .settings import MqttSettings

LISTEN_S = 0.05
PAUSE_S = 0.02
"""Pause after each chunk: it groups messages, and also their later matches."""


class TransientSession:
    """Session with QoS 0, clean start, no expiry, no will and a separate client id. One thread drives it.

    It acknowledges nothing, so the broker keeps every message for the session of the log.
    """

    def __init__(
        self,
        settings: MqttSettings,
        subscriptions: Callable[[], Sequence[str]],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """subscriptions: returns the current topic filters of the log's session."""
        name, account = f"{settings.client_id}-lookout", settings.second_username or settings.username
        self._settings = replace(settings, client_id=name, username=account, reconnect_max_s=1.0)
        self._subscriptions, self._monotonic = subscriptions, monotonic
        self._connection: Connection | None = None
        self.errors_total = 0

    @property
    def subscribed(self) -> bool:
        """Whether the broker has confirmed the session and its subscriptions."""
        return self._connection is not None and self._connection.subscribed

    def receive(self) -> list[Frame]:
        """Return the messages since the last call, after a short wait; open the session when it is closed."""
        if self._connection is None:
            self._connection = Connection(self._settings, list(self._subscriptions()), passing=True)
        connection = self._connection
        if not connection.keep(self._monotonic()):
            time.sleep(LISTEN_S)
            return []
        return self._received(connection)

    def subscribe(self, topics: Sequence[str]) -> None:
        """Subscribe to further topics."""
        if self._connection is not None and topics:
            self._connection.subscribe(topics)

    def close(self) -> None:
        """Close the session; `receive` opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _received(self, connection: Connection) -> list[Frame]:
        client = connection.client
        socket = client.socket() if client is not None else None
        if client is None or socket is None:
            return []
        poll = select.poll()
        poll.register(socket.fileno(), select.POLLIN | (select.POLLOUT if client.want_write() else 0))
        pending = hasattr(socket, "pending") and socket.pending()
        if not pending:
            poll.poll(LISTEN_S * 1000)
        try:
            frames, _ = client.receive()
            if client.socket() is not None:
                if client.want_write():
                    client.loop_write()
                client.loop_misc()
        except Exception as error:  # noqa: BLE001 - as for the session of the log: counted, and connected anew
            self.errors_total += 1
            connection.drop(f"{type(error).__name__}: {error}")
            return []
        if frames:
            time.sleep(PAUSE_S)
        return frames
