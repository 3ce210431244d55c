"""A TCP connection that a test cuts: bytes then go nowhere, and no end of a connection is seen."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path

CHUNK = 65_536


class Cable:
    """Forwards connections of a free loopback port to another port or a Unix socket, until it is cut."""

    def __init__(self, target: int | Path) -> None:
        self._target, self._whole = target, threading.Event()
        self._whole.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._sockets: list[socket.socket] = []
        self._stopped = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Forward nothing from now on."""
        self._whole.clear()

    def mend(self) -> None:
        """Forward again, also what has waited."""
        self._whole.set()

    def drop(self) -> None:
        """End every connection and discard the bytes in them; new ones are forwarded unless it is cut."""
        while self._sockets:
            self._end(self._sockets.pop())

    def close(self) -> None:
        """Close every connection."""
        self._stopped = True
        self._whole.set()
        self._end(self._listener)
        self.drop()

    def _end(self, one: socket.socket) -> None:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()

    def _accept(self) -> None:
        while not self._stopped:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(near)
            threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        self._whole.wait()
        try:
            far = self._open()
        except OSError:
            near.close()
            return
        self._sockets.append(far)
        threading.Thread(target=self._pump, args=(far, near), daemon=True).start()
        self._pump(near, far)

    def _open(self) -> socket.socket:
        if isinstance(self._target, Path):
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(str(self._target))
            except OSError:
                far.close()
                raise
            return far
        far = socket.create_connection(("127.0.0.1", self._target), timeout=10)
        far.settimeout(None)
        return far

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                self._whole.wait()
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
