"""Connection to NATS servers for threads: an event loop in a thread of its own, calls that block."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as WaitTimeout
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import nats.errors
from nats.aio.client import Client as Connection
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from twinward.errors import LogUnavailable

from .address import Address

ResultT = TypeVar("ResultT")

CONNECT_S = 5.0
ANSWER_S = 5.0
"""Longest wait for an answer: the election of a new leader takes 2 to 4 s."""
RECONNECT_S = 0.25
VERSION_MIN = (2, 12)
"""First server version with atomic batches."""
PENDING_BYTES = 256 << 20
_FAILURES = (nats.errors.Error, OSError, asyncio.TimeoutError, WaitTimeout, CancelledError, RuntimeError)


class Client:
    """One connection with automatic reconnection. Raises LogUnavailable for every failure."""

    def __init__(self, where: Address) -> None:
        """Connect within CONNECT_S."""
        self.shown = ",".join(where.servers)
        self._where, self._closed, self._fault = where, False, ""
        self._connection = Connection()
        with self._named():
            self._options = _options(where)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nats-client", daemon=True)
        self._thread.start()
        try:
            with self._named():
                self._run(self._connect, CONNECT_S)
                self._check_version()
        except BaseException:
            self.close()
            raise

    @property
    def connected(self) -> bool:
        """Whether a server is connected now."""
        return not self._closed and self._connection.is_connected

    @property
    def max_payload(self) -> int:
        """Largest message of the server, in bytes."""
        return self._connection.max_payload

    def request(self, subject: str, data: bytes, headers: Mapping[str, str] | None = None) -> bytes:
        """Return the answer to a message. Raises NoAnswer if no server handles the subject."""

        async def ask() -> bytes:
            answer = await self._connection.request(subject, data, ANSWER_S, headers=dict(headers or {}) or None)
            return answer.data

        return self._connected(ask)

    def publish(self, subject: str, messages: list[tuple[bytes, Mapping[str, str]]]) -> bytes:
        """Send messages in order; return the answer to the last one, or an earlier one that is not empty."""

        async def send() -> bytes:
            for number, (data, headers) in enumerate(messages, 1):
                if number in {1, len(messages)}:
                    answer = await self._connection.request(subject, data, ANSWER_S, headers=dict(headers))
                    if answer.data:
                        return answer.data
                else:
                    await self._connection.publish(subject, data, headers=dict(headers))
            return b""

        return self._connected(send, ANSWER_S * 2)

    @contextmanager
    def inbox(self) -> Iterator[Inbox]:
        """Yield an inbox for the answers of several messages."""
        name = self._connection.new_inbox()

        async def subscribe() -> Subscription:
            return await self._connection.subscribe(name, pending_bytes_limit=PENDING_BYTES)

        subscription = self._connected(subscribe)
        try:
            yield Inbox(self, name, subscription)
        finally:
            if self.connected:
                self._connected(subscription.unsubscribe)

    def send(self, subject: str, data: bytes, reply: str) -> None:
        """Send a message whose answers go to an inbox."""
        self._connected(lambda: self._connection.publish(subject, data, reply=reply))

    def close(self) -> None:
        """Close the connection and end the thread."""
        if self._closed:
            return
        self._closed = True
        with suppress(*_FAILURES):  # the server is away: the socket closes with the loop
            self._run(self._connection.close, CONNECT_S)
        asyncio.run_coroutine_threadsafe(_end_tasks(), self._loop).result(CONNECT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CONNECT_S)
        self._loop.close()

    def _run(self, call: Callable[[], Awaitable[ResultT]], timeout_s: float) -> ResultT:
        async def bounded() -> ResultT:
            return await asyncio.wait_for(call(), timeout_s)

        coroutine: Coroutine[Any, Any, ResultT] = bounded()
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:
            coroutine.close()
            raise
        return future.result(timeout_s + CONNECT_S)

    def _connected(self, call: Callable[[], Awaitable[ResultT]], timeout_s: float = ANSWER_S + 1) -> ResultT:
        with self._named():
            if not self.connected:
                raise LogUnavailable(self.shown, f"no server answers {self._fault}".strip())
            return self._run(call, timeout_s)

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except LogUnavailable:
            raise
        except nats.errors.NoRespondersError as error:
            raise NoAnswer(self.shown, "no server handles the message; is JetStream on?") from error
        except _FAILURES as error:
            reasons = [str(error) or type(error).__name__, "" if self.connected else self._fault]
            raise LogUnavailable(self.shown, "; ".join(filter(None, reasons))) from error

    def _check_version(self) -> None:
        version = self._connection.connected_server_version
        if (version.major, version.minor) < VERSION_MIN:
            found = f"{version.major}.{version.minor}"
            raise LogUnavailable(self.shown, f"server version {found}; allowed: {VERSION_MIN[0]}.{VERSION_MIN[1]} on")

    async def _note(self, error: Exception) -> None:
        """Keep the last fault of the connection, to name it; a refused account stays before the faults behind it."""
        if "authorization" not in self._fault.lower():
            self._fault = str(error)

    async def _connect(self) -> None:
        await self._connection.connect(
            list(self._where.servers),
            name="twinward",
            error_cb=self._note,
            connect_timeout=2,
            max_reconnect_attempts=-1,
            ping_interval=5,
            **self._options,
        )


class NoAnswer(LogUnavailable):
    """No server handles the subject: the stream is missing, or has no leader."""


class Inbox:
    """Messages that arrive for one subscription."""

    def __init__(self, client: Client, name: str, subscription: Subscription) -> None:
        self.name = name
        self._client, self._subscription = client, subscription

    def take(self, timeout_s: float, *, most: int) -> list[Msg]:
        """Return the received messages, at most `most`; block until the first one. Empty after the timeout."""

        async def next_ones() -> list[Msg]:
            try:
                found = [await self._subscription.next_msg(timeout_s)]
            except nats.errors.TimeoutError:
                return []
            while len(found) < most and self._subscription.pending_msgs:
                found.append(await self._subscription.next_msg(1))
            return found

        return self._client._connected(next_ones, timeout_s + ANSWER_S)  # noqa: SLF001 - one class in two parts


def _options(where: Address) -> dict[str, Any]:
    """Return the account and the trust of a connection. Raises OSError."""
    options: dict[str, Any] = {"reconnect_time_wait": RECONNECT_S}
    if where.credentials is not None:
        options |= _account(where.credentials)
    if where.ca is not None:
        options["tls"] = ssl.create_default_context(cafile=str(where.ca))
    return options


def _account(path: Path) -> dict[str, str]:
    """Return user and password of a file. Raises OSError for one that other accounts can read."""
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise OSError(f"{path} has mode {mode:04o}; allowed: 0600 (chmod 600 {path})")
    user, _, password = path.read_text(encoding="utf-8").strip().partition(":")
    return {"user": user, "password": password}


async def _end_tasks() -> None:
    """Cancel the tasks of a connection that did not close."""
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
