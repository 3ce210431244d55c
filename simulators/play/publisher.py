"""High-rate publisher: many frames in one write, acknowledgements counted in a bounded window.

paho-mqtt opens the connection (MQTT 5, credentials). This module then writes PUBLISH frames and reads PUBACKs on its
socket (MQTT 5.0, sections 3.3 and 3.4). One thread uses a Publisher. One module because window, frames and
acknowledgements share the state of one connection.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import MQTT_ERR_SUCCESS, Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from simulators.errors import BrokerUnreachable
from simulators.play.frames import DISCONNECT, DUP, PINGREQ, PUBACK, Frames, packets

RECEIVE_BYTES = 262_144
PACKET_IDS = 65_535
REFUSED = 0x80
ROWS_A_WRITE = 2_000
SETTLE_S = 1.0
WAITS_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Backoff between attempts to reconnect; the last one repeats."""


Row = tuple[str, bytes, bool]
"""Topic, payload, retain flag."""


@dataclass(slots=True)
class PublishStats:
    """Counts of one publisher: sent = acked + refused + in flight (QoS 1)."""

    sent: int = 0
    acked: int = 0
    refused: int = 0
    resent: int = 0
    reconnects: int = 0
    lost: int = 0

    def to_json(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


class Publisher:
    """A publisher with one connection and, at QoS 1, a window of unacknowledged messages.

    url: mqtt://[user:password@]host[:port]. window: most messages in flight (never more than the broker's Receive
    Maximum). qos: 0 or 1. will: (topic, payload, retain) that the broker publishes when the connection breaks. word:
    called with a sentence when the connection is lost or restored. stop: set it to end every wait. Raises
    BrokerUnreachable when the first connection fails.
    """

    def __init__(
        self,
        url: str,
        *,
        window: int = 2_000,
        client_id: str = "twinward-simulator",
        keepalive_s: int = 30,
        connect_timeout_s: float = 10.0,
        qos: int = 1,
        will: Row | None = None,
        word: Callable[[str], None] | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.stats = PublishStats()
        self.stop = stop or threading.Event()
        self._url, self._window_max, self._client_id = url, window, client_id
        self._keepalive_s, self._connect_timeout_s = keepalive_s, connect_timeout_s
        self._qos, self._will = qos, will
        self._frames = Frames()
        self._word = word or (lambda _: None)
        self._window = window
        self._next_id = 0
        self._flight: dict[int, bytes] = {}
        self._incoming = b""
        self._written_s = 0.0
        self._client: Client | None = None
        self._sock: socket.socket
        self._connect()

    def fileno(self) -> int:
        """Return the socket's descriptor, for a poll over many publishers; it changes with each reconnection."""
        return self._sock.fileno()

    def publish(self, messages: Sequence[Row]) -> None:
        """Send (topic, payload, retain) rows in order; blocks while the window is full or the broker is down.

        QoS 0 has no acknowledgement: rows of a failed write count as lost. Raises ValueError on an invalid topic.
        """
        position = 0
        while position < len(messages) and not self.stop.is_set():
            sent = self.offer(messages[position:])
            position += sent
            if not sent:
                self.pause(0.05)

    def offer(self, messages: Sequence[Row]) -> int:
        """Send as many rows as the window allows; return their number. Blocks only for a lost broker."""
        if self._qos == 0:
            self._fire(messages)
            return len(messages)
        free = self._window - len(self._flight)
        if free < min(256, len(messages), self._window // 2):
            return 0
        part = messages[:free]
        self._write(b"".join([self._in_flight(row) for row in part]))
        self.stats.sent += len(part)
        self._read(0)
        return len(part)

    def _fire(self, messages: Sequence[Row]) -> None:
        for begin in range(0, len(messages), ROWS_A_WRITE):
            if self.stop.is_set():
                return
            part = messages[begin : begin + ROWS_A_WRITE]
            before = self.stats.reconnects
            self._write(b"".join([self._frames.qos0(topic, payload, retain=retain) for topic, payload, retain in part]))
            self.stats.sent += len(part)
            self.stats.lost += len(part) if self.stats.reconnects != before else 0
        self._read(0)

    def pause(self, seconds: float) -> None:
        """Wait at most this long and process acknowledgements; return early after the first."""
        self.rest()
        self._read(seconds)

    def drain(self, timeout_s: float = 30.0) -> int:
        """Wait until nothing is in flight; return the number of messages in flight after the timeout."""
        deadline = time.monotonic() + timeout_s
        while self._flight and time.monotonic() < deadline and not self.stop.is_set():
            self.pause(0.1)
        return len(self._flight)

    def close(self) -> PublishStats:
        """Disconnect; messages without acknowledgement within 1 s count as lost."""
        self._settle()
        self.stats.lost += len(self._flight)
        self._flight.clear()
        try:
            self._sock.setblocking(True)
            self._sock.sendall(DISCONNECT)
        except OSError:
            pass
        self._release()
        return self.stats

    def _settle(self) -> None:
        """Wait for the acknowledgements of messages in flight, at most 1 s; a lost connection ends the wait."""
        deadline_s = time.monotonic() + SETTLE_S
        with contextlib.suppress(OSError, ValueError):  # ValueError: the socket is closed
            while self._flight and (left_s := deadline_s - time.monotonic()) > 0:
                if not select.select([self._sock], [], [], left_s)[0]:
                    return
                data = self._sock.recv(RECEIVE_BYTES)
                if not data:
                    return
                self._incoming = self._count_acks(self._incoming + data)

    def _in_flight(self, row: Row) -> bytes:
        """Return the QoS 1 frame of a row; keep it until its acknowledgement."""
        topic, payload, retain = row
        packet_id = self._free_id()
        frame = self._frames.qos1(topic, payload, packet_id, retain=retain)
        self._next_id = packet_id
        self._flight[packet_id] = frame
        return frame

    def _free_id(self) -> int:
        candidate = self._next_id % PACKET_IDS + 1
        while candidate in self._flight:
            candidate = candidate % PACKET_IDS + 1
        return candidate

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[self._sock.send(view) :]
            except BlockingIOError:
                select.select([self._sock], [self._sock], [], 1.0)
                if not self._receive():
                    return
            except OSError as error:
                self._recover(str(error))
                return
        self._written_s = time.monotonic()

    def receive(self) -> None:
        """Process received packets without waiting."""
        self._receive()

    def rest(self) -> None:
        """Send a ping after a long time without a write."""
        if time.monotonic() - self._written_s > self._keepalive_s / 2:
            self._write(PINGREQ)

    def _read(self, wait_s: float) -> None:
        if select.select([self._sock], [], [], wait_s)[0]:
            self._receive()

    def _receive(self) -> bool:
        """Read received bytes; return False after a reconnection."""
        try:
            data = self._sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return True
        except OSError as error:
            self._recover(str(error))
            return False
        if not data:
            self._recover("the broker closed the connection")
            return False
        self._incoming = self._count_acks(self._incoming + data)
        return True

    def _count_acks(self, data: bytes) -> bytes:
        """Count whole packets from the front; return the incomplete rest."""
        position = 0
        for kind, start, end in packets(data):
            if kind & 0xF0 == PUBACK:
                refused = end - start > 2 and data[start + 2] >= REFUSED  # noqa: PLR2004 - a reason code follows the id
                if self._flight.pop(data[start] << 8 | data[start + 1], None) is not None:
                    self.stats.refused += refused
                    self.stats.acked += not refused
            position = end
        return data[position:]

    def _connect(self) -> None:
        where = urlsplit(self._url)
        if where.scheme != "mqtt" or not where.hostname:
            raise BrokerUnreachable(self._url, "the address must look like mqtt://host:1883")
        answers: list[tuple[bool, Any, Any]] = []
        client = Client(CallbackAPIVersion.VERSION2, client_id=self._client_id, protocol=MQTTv5)
        if where.username:
            client.username_pw_set(unquote(where.username), unquote(where.password or ""))
        if self._will is not None:
            client.will_set(self._will[0], self._will[1], qos=1, retain=self._will[2])
        client.on_connect = lambda _c, _u, flags, reason, given: answers.append((flags.session_present, reason, given))
        wish = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has no annotation
        wish.SessionExpiryInterval = 300
        address = f"{where.hostname}:{where.port or 1883}"
        try:
            first = self._client is None
            client.connect(where.hostname, where.port or 1883, self._keepalive_s, clean_start=first, properties=wish)
            deadline = time.monotonic() + self._connect_timeout_s
            while not answers and time.monotonic() < deadline and client.loop(timeout=0.1) == MQTT_ERR_SUCCESS:
                pass
        except OSError as error:
            raise BrokerUnreachable(address, str(error)) from error
        if not answers or answers[0][1].is_failure:
            raise BrokerUnreachable(address, str(answers[0][1]) if answers else "no response to CONNECT")
        self._adopt(client, answers[0][0], getattr(answers[0][2], "ReceiveMaximum", PACKET_IDS))

    def _adopt(self, client: Client, session: bool, receive_max: int) -> None:  # noqa: FBT001 - the broker's flag
        sock = client.socket()
        if not isinstance(sock, socket.socket):
            raise BrokerUnreachable(self._url, "the connection was closed immediately")
        sock.setblocking(False)
        self._client, self._sock, self._incoming = client, sock, b""
        self._window = min(self._window_max, receive_max)
        self._written_s = time.monotonic()
        if self._flight:
            mark = DUP if session else 0
            self.stats.resent += len(self._flight)
            self._write(b"".join([bytes((frame[0] | mark,)) + frame[1:] for frame in self._flight.values()]))

    def _recover(self, reason: str) -> None:
        """Reconnect with backoff; messages in flight are kept and sent again."""
        kept = f"{len(self._flight)} messages in flight are kept" if self._qos else "QoS 0 has no acknowledgement"
        self._word(f"connection lost ({reason}); {kept}")
        self._release()
        attempt = 0
        while not self.stop.is_set():
            try:
                self._connect()
            except BrokerUnreachable:
                self.stop.wait(WAITS_S[min(attempt, len(WAITS_S) - 1)])
                attempt += 1
                continue
            self.stats.reconnects += 1
            again = f"{len(self._flight)} messages sent again, 0 lost" if self._qos else "the last write may be lost"
            self._word(f"connected again; {again}")
            return

    def _release(self) -> None:
        self._sock.close()
