"""Connection to one broker: connect, subscribe, detect loss, reconnect with backoff."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from paho.mqtt.client import ConnectFlags, DisconnectFlags, topic_matches_sub
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.catalog import SERVICE_SITE

from .reader import ChunkedClient
from .settings import MqttSettings, endpoint, read_secret, tls_context
from .takeover import Takeovers

log = logging.getLogger(__name__)

_V5, _V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
_WAIT_FIRST_S = 0.2
_CONNACK_WAIT_S = 10.0
_STEADY_S, _LASTED_S = 5.0, 1.0
_CLOSED_EARLY_MAX = 2
_UNSUPPORTED = 132  # MQTT 5.0, 3.2.2.2: unsupported protocol version

_FILTERS_AT_ONCE = 200


def status_topic(settings: MqttSettings) -> str:
    """Return the topic of the online status of the service."""
    return f"campus/{SERVICE_SITE}/{settings.client_id}/status"


class Connection:
    """The current client and the connection state. One thread drives it; times are monotonic seconds.

    connected: the broker has accepted the connection. client: None before the first attempt. queued: called with the
    packet id of a published message when the broker reports a matching subscriber (MQTT 5 only).
    """

    def __init__(self, settings: MqttSettings, subscriptions: Sequence[str], *, passing: bool = False) -> None:
        """passing: a session that ends with its connection: QoS 0, nothing retained, no will, no status message.

        Raises ValueError, PlainRefused, SecretUnreadable or OSError for settings that can never work.
        """
        self._settings, self._passing = settings, passing
        self._subscriptions = dict.fromkeys(_uncovered(subscriptions, ()))
        self._asked: dict[int, list[str]] = {}
        self._endpoint = endpoint(settings)
        self._password = read_secret(settings.password_file) if settings.password_file else None
        self._tls = tls_context(settings) if self._endpoint.tls else None
        self._protocol = _V311 if settings.protocol == "3.1.1" else _V5
        self._generations = 0
        self._wait_s = 0.0
        self._next_s = 0.0
        self._opened_s: float | None = None
        self._connected_s = 0.0
        self._now_s = 0.0
        self._ever_v5 = False
        self._closed_early = 0
        self._answered = False
        self._complained = ""
        self.client: ChunkedClient | None = None
        self.queued: Callable[[int], object] = lambda _number: None
        self.takeovers = Takeovers()
        self.connected = False
        self.connects_total = 0
        self.last_error = ""

    @property
    def protocol(self) -> str:
        """MQTT version in use."""
        return "5" if self._protocol == _V5 else "3.1.1"

    @property
    def status_topic(self) -> str:
        """Topic of the online status of this service."""
        return status_topic(self._settings)

    @property
    def probe_topic(self) -> str:
        """Topic of the delay probe."""
        return f"campus/{SERVICE_SITE}/{self._settings.client_id}/probe"

    @property
    def subscriptions(self) -> list[str]:
        """Topic filters of this connection and of later ones."""
        return list(self._subscriptions)

    @property
    def subscribed(self) -> bool:
        """Whether the broker has accepted the connection and confirmed every subscription."""
        return self.connected and not self._asked

    @property
    def is_open(self) -> bool:
        """Whether the connection has a socket."""
        return self.client is not None and self.client.socket() is not None

    def keep(self, now_s: float) -> bool:
        """Open the connection when due; drop one that stays unaccepted. Return True while a socket exists."""
        self._now_s = now_s
        if self.is_open:
            if not self.connected and self._opened_s is not None and now_s - self._opened_s > _CONNACK_WAIT_S:
                self.drop("the broker does not answer CONNECT")
            return self.is_open
        if self._opened_s is not None:
            self._lost()
        if now_s >= self._next_s:
            self._open()
        return self.is_open

    def drop(self, why: str) -> None:
        """Close the socket; the session stays at the broker, and the next `keep` reconnects."""
        self.last_error = why
        if self.client is not None:
            self.client._sock_close()  # noqa: SLF001 - paho offers a farewell only, which would end the session's trust
        self._lost()

    def subscribe(self, topics: Sequence[str]) -> None:
        """Subscribe to further topics, on this connection and on later ones.

        A topic that an existing filter covers is left out: the broker would deliver its messages twice.
        """
        unknown = [topic for topic in topics if topic not in self._subscriptions]
        if not unknown:
            return
        new = _uncovered(unknown, self._subscriptions)
        self._subscriptions |= dict.fromkeys(new)
        if new and self.connected:
            self._subscribe(new)

    def close(self) -> None:
        """Publish status offline, because a clean end sends no will; then DISCONNECT."""
        if self.client is None or not self.is_open:
            return
        if self.connected and not self._passing:
            self.client.publish(self.status_topic, b"offline", qos=0, retain=True)
        self.connected = False
        self.client.disconnect()
        self.client.loop_write()
        self.client._sock_close()  # noqa: SLF001 - see drop

    def _open(self) -> None:
        self._opened_s, self._answered = self._now_s, False
        try:
            self.client = self._new_client()
            self.client.generation = self._generations
            options: dict[str, Any] = {}
            if self._protocol == _V5:
                options = {"clean_start": self._passing, "properties": self._properties()}
            self.client.connect(self._endpoint.host, self._endpoint.port, self._settings.keepalive_s, **options)
            self._generations = self.client.generation
        except OSError as error:
            self._generations += 1
            self._opened_s = None
            self.takeovers.failed()
            self._retry_later()
            what = "no broker at" if isinstance(error, ConnectionError) else "cannot connect to"
            self._complain(f"{what} {self._settings.url}: {error}")

    def _new_client(self) -> ChunkedClient:
        client = ChunkedClient(
            self._settings.client_id,
            protocol=self._protocol,
            payload_max_bytes=self._settings.payload_max_bytes,
            clean=self._passing,
        )
        if self._settings.username:
            client.username_pw_set(self._settings.username, self._password)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        if not self._passing:
            client.will_set(self.status_topic, b"offline", qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        return client

    def _properties(self) -> Properties:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has no annotation
        properties.SessionExpiryInterval = 0 if self._passing else int(self._settings.session_expiry_h * 3600)
        properties.ReceiveMaximum = self._settings.receive_max
        properties.TopicAliasMaximum = 0  # every frame carries its topic
        return properties

    def _on_connect(
        self, client: Any, _data: Any, flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._answered = True
        if reason.is_failure:
            self.takeovers.failed()
            self._refused(reason)
            return
        self.connected, self._connected_s = True, self._now_s
        self.connects_total += 1
        self._closed_early = 0
        self._ever_v5 |= self._protocol == _V5
        self._complained = self.last_error = ""
        self.takeovers.accepted(self._now_s, resumed=flags.session_present)
        log.info("connected to %s, MQTT %s, session %s", self._settings.url, self.protocol, _kept(flags))
        self._asked.clear()
        self._subscribe(list(self._subscriptions))
        if self._passing:
            return
        if self._protocol == _V5:  # other topics exclude own messages (no local), which MQTT 3.1.1 lacks
            client.subscribe(self.probe_topic, options=SubscribeOptions(qos=1))
        client.publish(self.status_topic, b"online", qos=1, retain=True)

    def _subscribe(self, topics: Sequence[str]) -> None:
        if self.client is None:
            return
        qos = 0 if self._passing else 1
        kept = SubscribeOptions.RETAIN_DO_NOT_SEND if self._passing else SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
        for start in range(0, len(topics), _FILTERS_AT_ONCE):
            part = topics[start : start + _FILTERS_AT_ONCE]
            if self._protocol == _V5:
                wanted = SubscribeOptions(qos=qos, noLocal=True, retainHandling=kept)
                _, number = self.client.subscribe([(topic, wanted) for topic in part])
            else:
                _, number = self.client.subscribe([(topic, qos) for topic in part])
            if number is not None:
                self._asked[number] = list(part)

    def _refused(self, reason: ReasonCode) -> None:
        if reason.value == _UNSUPPORTED and self._settings.protocol == "auto" and self._protocol == _V5:
            self._protocol = _V311
            log.info("the broker has no MQTT 5: falling back to 3.1.1")
            return
        self._complain(f"broker {self._settings.url} refuses the connection: {reason}")

    def _on_disconnect(
        self, _client: Any, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if self.connected:
            self._complain(f"connection to {self._settings.url} lost: {reason}")
            self.takeovers.closed(self._now_s, reason.value)
        self.connected = False

    def _on_subscribe(
        self, _client: Any, _data: Any, mid: int, reasons: Sequence[ReasonCode], _properties: Properties | None
    ) -> None:
        for topic, reason in zip(self._asked.pop(mid, ()), reasons, strict=False):
            if reason.is_failure:
                self._complain(f"the broker refuses the subscription to {topic}: {reason}")

    def _on_publish(
        self, _client: Any, _data: Any, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if self._protocol == _V5 and reason.value == 0:  # 16 is "no matching subscribers" (MQTT 5.0, 3.4.2.1)
            self.queued(mid)

    def _lost(self) -> None:
        """Handle the loss of the socket: choose protocol and time of the next attempt."""
        lasted_s = self._now_s - self._connected_s if self._connected_s > 0 else 0.0
        self.connected, self._connected_s, self._opened_s = False, 0.0, None
        if lasted_s >= _STEADY_S:
            self._wait_s = 0.0
        self._closed_early = 0 if self._answered else self._closed_early + 1
        if self._closed_early >= _CLOSED_EARLY_MAX and self._settings.protocol == "auto" and not self._ever_v5:
            # some brokers without MQTT 5 close the socket; if 3.1.1 fails too, the next two attempts use 5
            self._protocol, self._closed_early = (_V311 if self._protocol == _V5 else _V5), 0
        if self.takeovers.suspected and lasted_s >= _LASTED_S:
            self._next_s = self._now_s  # at once: meanwhile another client may receive the messages of the session
        else:
            self._retry_later()

    def _retry_later(self) -> None:
        self._wait_s = min(max(_WAIT_FIRST_S, self._wait_s * 2), self._settings.reconnect_max_s)
        self._next_s = self._now_s + self._wait_s

    def _complain(self, what: str) -> None:
        """Log one line for each cause, not for each attempt."""
        self.last_error = what
        if what != self._complained:
            self._complained = what
            log.warning("%s; retrying", what)


def _kept(flags: ConnectFlags) -> str:
    return "resumed" if flags.session_present else "new"


def _uncovered(wanted: Sequence[str], held: Iterable[str]) -> list[str]:
    """Return the filters without plain topics that a wildcard filter, wanted or held, covers."""
    wide = [topic for topic in (*held, *wanted) if "+" in topic or "#" in topic]
    return [topic for topic in wanted if topic in wide or not any(topic_matches_sub(each, topic) for each in wide)]
