"""TCP ports of this machine: check of one, choice of a free one."""

from __future__ import annotations

import socket

from twinward.errors import PortTaken


def check_port(host: str, port: int, option: str) -> None:
    """Raise PortTaken when the port cannot be bound."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(host, port, option) from error


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
