"""paho's connection with our reading: 256 KiB at a time, PUBLISH frames to us, every other packet to paho.

Subclasses paho-mqtt 2.2.0 (pinned) and leans on these of its inner names, nothing else: `_sock_recv`, `_in_packet`,
`_packet_handle`, `_loop_rc_handle`, `_packet_queue`, `_last_bytes_received`, `_msgtime_mutex`, `_ping_t`,
`_ssl_wrap_socket`, `_ssl_context`, `_host`, `_connect_timeout`.
A test drives them all against a real broker, so an upgrade of paho shows at once.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Sequence
from typing import Any

from paho.mqtt.client import PUBACK, Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MalformedPacket

from ingest.frame import Frame

from .errors import MalformedStream
from .frames import PAYLOAD_MAX_BYTES, FrameParser

CHUNK_BYTES = 262_144
"""Received at a time; also what one turn of the loop handles at most."""

_PUBACK = struct.Struct("!BBH").pack


class ChunkedClient(Client):
    """A paho client whose PUBLISH frames come out of `receive`, unacknowledged, instead of on_message.

    Driven by one thread through `receive`, `loop_write` and `loop_misc`; loop_start and loop_forever are not for it.
    generation: grows with every connection; packet ids of an older one must never be acknowledged.
    """

    def __init__(
        self,
        client_id: str,
        *,
        protocol: MQTTProtocolVersion,
        payload_max_bytes: int = PAYLOAD_MAX_BYTES,
        clean: bool = False,
    ) -> None:
        """clean: for MQTT 3.1.1, whose session is settled here; MQTT 5 settles it when it connects."""
        persistent: dict[str, Any] = {} if protocol == MQTTProtocolVersion.MQTTv5 else {"clean_session": clean}
        persistent |= {"manual_ack": True, "reconnect_on_failure": False}  # no silent fall to MQTT 3.1
        super().__init__(CallbackAPIVersion.VERSION2, client_id, protocol=protocol, **persistent)
        self.generation = 0
        self._mqtt5 = protocol == MQTTProtocolVersion.MQTTv5
        self._payload_max_bytes = payload_max_bytes
        self._parser = self._new_parser()

    def _new_parser(self) -> FrameParser:
        return FrameParser(mqtt5=self._mqtt5, payload_max_bytes=self._payload_max_bytes)

    def reconnect(self) -> MQTTErrorCode:
        """Open a new connection: a new generation, nothing left of the old stream. Blocks; raises OSError."""
        self.generation += 1
        self._parser = self._new_parser()
        return super().reconnect()

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        """As paho does, with the name checked by the context, and without leaking the socket of a failed handshake."""
        if self._ssl_context is None:
            raise ValueError("TLS without a context")
        wrapped = self._ssl_context.wrap_socket(tcp_sock, server_hostname=self._host, do_handshake_on_connect=False)
        try:
            wrapped.settimeout(self._connect_timeout)
            wrapped.do_handshake()
        except OSError:
            wrapped.close()
            raise
        return wrapped

    def receive(self) -> tuple[list[Frame], int]:
        """Frames of what can be read now, and how many bytes that was; (frames, 0) when nothing came or all is over.

        Frames are given even when the connection ends behind them. Never blocks on a non-blocking socket.
        """
        data = self._read_chunk()
        if not data:
            return [], 0
        with self._msgtime_mutex:
            self._last_bytes_received = time.monotonic()
        try:
            frames, others = self._parser.feed(data)
        except MalformedStream:
            self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_PROTOCOL)
            raise
        for packet in others:
            if self.socket() is None:
                break
            self._hand_over(packet)
        return frames, len(data)

    def acknowledge(self, packet_ids: Sequence[int], *, generation: int) -> bool:
        """Send the PUBACKs in the given order in one write; False when they belong to a connection that is gone."""
        if generation != self.generation or self.socket() is None:
            return False
        if packet_ids:
            packets = b"".join([_PUBACK(PUBACK, 2, packet_id) for packet_id in packet_ids])
            self._packet_queue(PUBACK, packets, 0, 0)
        return True

    def excuse_silence(self) -> None:
        """While we do not read, its answers wait unread: do not take our own pause for the broker's silence."""
        with self._msgtime_mutex:
            self._last_bytes_received = time.monotonic()
        self._ping_t = 0  # the next ping goes out in time, whether or not the last answer was read

    def _read_chunk(self) -> bytes:
        """Up to CHUNK_BYTES; TLS gives 16 KiB a call, so it is asked until it has no more."""
        parts: list[bytes] = []
        size = 0
        while size < CHUNK_BYTES:
            try:
                data = self._sock_recv(CHUNK_BYTES - size)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                if not parts:
                    self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
                break
            parts.append(data)
            size += len(data)
            if not hasattr(self.socket(), "pending"):
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _hand_over(self, packet: bytes) -> None:
        """Let paho handle a whole packet as if it had read it itself."""
        start = 1
        while packet[start] & 0x80:
            start += 1
        self._in_packet = _whole(packet[0], bytearray(packet[start + 1 :]))
        try:
            code = self._packet_handle()
        except MalformedPacket:
            code = MQTTErrorCode.MQTT_ERR_PROTOCOL
        self._in_packet = _whole(0, bytearray())
        if code > 0:
            self._loop_rc_handle(code)


def _whole(command: int, body: bytearray) -> Any:
    """A packet in the form in which paho keeps one that it has read."""
    return {
        "command": command,
        "have_remaining": int(command > 0),
        "remaining_count": [],
        "remaining_mult": 1,
        "remaining_length": len(body),
        "packet": body,
        "to_process": 0,
        "pos": 0,
    }
