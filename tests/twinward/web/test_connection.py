"""Time limits of a connection: head, body, answer."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import pytest
from starlette.types import Message, Receive, Scope, Send

from alerts.api import HttpSettings
from twinward.web import WebServer, connection

LARGE = 4_000_000


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer `/large` with 4 MB, any other path with the length of the body."""
    if scope["type"] != "http":
        return
    size, more = 0, True
    while more:
        message: Message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = b"x" * LARGE if scope["path"] == "/large" else str(size).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def connect(free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], socket.socket]]:
    """Function that opens a connection to a server with limits of one or two seconds."""
    for name in ("HEAD", "BODY"):
        monkeypatch.setitem(connection.LIMIT_S, connection._Phase[name], 1.0)
    monkeypatch.setattr(connection, "PROGRESS_S", 2.0)
    settings = HttpSettings(port=free_port())
    server = WebServer(app, settings)
    server.start()
    opened: list[socket.socket] = []

    def made() -> socket.socket:
        opened.append(socket.socket())
        opened[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        opened[-1].settimeout(10)
        opened[-1].connect(("127.0.0.1", settings.port))
        return opened[-1]

    yield made
    for one in opened:
        one.close()
    server.stop()
    assert server.limits.open.total() == 0


def _open(client: socket.socket) -> bool:
    """Read one byte; return False once the connection has ended."""
    try:
        return bool(client.recv(1))
    except ConnectionResetError:
        return False


def ended(client: socket.socket) -> float:
    """Return the seconds until the server ends the connection."""
    begun_s = time.monotonic()
    try:
        while client.recv(4_096):
            pass
    except ConnectionResetError:
        pass
    return time.monotonic() - begun_s


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTTP/1.1\r\nHo", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"]
)
def test_an_unfinished_request_ends_its_connection(connect: Callable[[], socket.socket], sent: bytes) -> None:
    """A connection without a complete head or body in time is closed."""
    client = connect()
    client.sendall(sent)
    assert ended(client) < 5


def test_bytes_that_trickle_in_do_not_extend_the_time(connect: Callable[[], socket.socket]) -> None:
    """The time of a head is a sum, not a pause between two bytes."""
    client = connect()
    begun_s = time.monotonic()
    client.settimeout(0.1)
    while time.monotonic() - begun_s < 8:
        try:
            client.sendall(b"G")
            if not client.recv(1):
                break
        except TimeoutError:
            continue
        except (ConnectionResetError, BrokenPipeError):
            break
    assert time.monotonic() - begun_s < 5


def test_a_reader_of_few_bytes_is_cut_off_and_a_steady_one_is_not(connect: Callable[[], socket.socket]) -> None:
    """One byte in 0.2 s ends the connection; a slow client that takes 4 MB in longer than the limit receives all."""
    slow, steady = connect(), connect()
    for client in (slow, steady):
        client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
    begun_s, received = time.monotonic(), 0
    while received < LARGE:
        time.sleep(0.05)
        received += len(steady.recv(65_536))
        if not _open(slow):
            break
    cut_s = time.monotonic() - begun_s
    while received < LARGE and (part := steady.recv(16_384)):
        time.sleep(0.005)
        received += len(part)
    assert cut_s < 10
    assert received >= LARGE
    assert time.monotonic() - begun_s > 2


def test_a_used_connection_stays_open_for_the_next_request(connect: Callable[[], socket.socket]) -> None:
    """Requests one after another use one connection, longer than the time of one head."""
    client, begun_s = connect(), time.monotonic()
    while time.monotonic() - begun_s < 2.5:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
        answer = b""
        while not answer.endswith(b"\r\n\r\n3"):
            part = client.recv(4_096)
            assert part
            answer += part
        time.sleep(0.3)
