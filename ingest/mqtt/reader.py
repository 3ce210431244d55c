"""Chunked reader on a paho connection: 256 KiB a read, PUBLISH frames here, other packets to paho.

Subclasses paho-mqtt 2.2.0 (pinned) and uses only these of its internal names: `_sock_recv`, `_in_packet`,
`_packet_handle`, `_loop_rc_handle`, `_packet_queue`, `_last_bytes_received`, `_msgtime_mutex`, `_ping_t`,
`_ssl_wrap_socket`, `_ssl_context`, `_host`, `_connect_timeout`.
A test drives all of them against a real broker, so it detects an incompatible paho.
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
"""Size of one read; also the limit of one turn of the loop."""

_PUBACK = struct.Struct("!BBH").pack


class ChunkedClient(Client):
    """A paho client that returns PUBLISH frames from `receive`, unacknowledged, instead of calling on_message.

    One thread drives it through `receive`, `loop_write` and `loop_misc`; loop_start and loop_forever are unsupported.
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
        """clean: clean session of MQTT 3.1.1; MQTT 5 sets it at the connection."""
        persistent: dict[str, Any] = {} if protocol == MQTTProtocolVersion.MQTTv5 else {"clean_session": clean}
        persistent |= {"manual_ack": True, "reconnect_on_failure": False}  # no implicit fallback to MQTT 3.1
        super().__init__(CallbackAPIVersion.VERSION2, client_id, protocol=protocol, **persistent)
        self.generation = 0
        self._mqtt5 = protocol == MQTTProtocolVersion.MQTTv5
        self._payload_max_bytes = payload_max_bytes
        self._parser = self._new_parser()

    def _new_parser(self) -> FrameParser:
        return FrameParser(mqtt5=self._mqtt5, payload_max_bytes=self._payload_max_bytes)

    def reconnect(self) -> MQTTErrorCode:
        """Open a new connection with a new generation and an empty stream. Blocks; raises OSError."""
        self.generation += 1
        self._parser = self._new_parser()
        return super().reconnect()

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        """Wrap like paho; the context checks the name, and a failed handshake closes the socket."""
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
        """Return the frames of the readable bytes, and their number of bytes; (frames, 0) without bytes or at the end.

        Frames before a connection's end are returned. Never blocks on a non-blocking socket.
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
        """Send the PUBACKs in the given order in one write; return False for those of an earlier connection."""
        if generation != self.generation or self.socket() is None:
            return False
        if packet_ids:
            packets = b"".join([_PUBACK(PUBACK, 2, packet_id) for packet_id in packet_ids])
            self._packet_queue(PUBACK, packets, 0, 0)
        return True

    def excuse_silence(self) -> None:
        """Reset the keepalive timer: during a pause of the reader the broker's responses stay unread."""
        with self._msgtime_mutex:
            self._last_bytes_received = time.monotonic()
        self._ping_t = 0  # the next ping is sent on time, even with an unread response

    def _read_chunk(self) -> bytes:
        """Return up to CHUNK_BYTES; TLS returns 16 KiB a call, so it is read until empty."""
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
        """Pass a whole packet to paho's handler."""
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
    """Return a packet in paho's internal form of a received packet."""
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
