"""Free loopback ports, each reserved for one test process."""

from __future__ import annotations

import contextlib
import random
import socket
import time

PORTS = range(10_000, 32_000)
"""Below the range of outgoing connections: no such connection takes the port of a server between two starts."""

RESERVATIONS: list[socket.socket] = []
"""Names in Linux's abstract socket namespace. The kernel frees them at the end of the process."""


def free_port() -> int:
    """Return a free loopback port that no other test process on this machine receives while this one runs."""
    for port in random.SystemRandom().sample(PORTS, 1_000):
        if _is_free(port) and _reserve(port):
            return port
    raise OSError(f"no port is free among 1,000 of {PORTS.start} to {PORTS.stop - 1}")


def _is_free(port: int) -> bool:
    with socket.socket() as sock, contextlib.suppress(OSError):
        sock.bind(("127.0.0.1", port))
        return True
    return False


def _reserve(port: int) -> bool:
    reservation = socket.socket(socket.AF_UNIX)
    try:
        reservation.bind(f"\0twinward-test-port-{port}")
    except OSError:
        reservation.close()
        return False
    RESERVATIONS.append(reservation)
    return True


def close_reservations() -> None:
    """Free every reserved port."""
    while RESERVATIONS:
        RESERVATIONS.pop().close()


def wait_for_port(port: int, *, timeout_s: float = 10) -> None:
    """Block until a server listens on the loopback port. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with socket.socket() as sock:
            sock.settimeout(0.5)
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"no server listens on port {port} after {timeout_s} s")
