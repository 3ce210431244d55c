"""Telephone: Debian's baresip as a child process, controlled over TCP by netstrings with JSON.

Source: baresip 1.0, module ctrl_tcp: commands `dial`, `ausrc`, `hangup`; events CALL_ESTABLISHED, CALL_DTMF_START,
CALL_CLOSED.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

MODULES = Path("/usr/lib/baresip/modules")
START_S = 10.0
MESSAGE_BYTES_MAX = 65_536
SILENCE = "aubridge,nil"
_CONFIG = """sip_listen {address}
audio_player aubridge,nil
audio_source aubridge,nil
audio_alert aubridge,nil
module_path {modules}
module g711.so
module aufile.so
module aubridge.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{port}
"""


@dataclass(frozen=True, slots=True)
class Line:
    """Account at the exchange. address: local SIP address and port; account: in baresip's form, with its password."""

    program: str
    address: str
    account: str


@dataclass(frozen=True, slots=True)
class Call:
    """Result of one call. keys: digits that the called person pressed."""

    answered: bool
    keys: str
    ended: str


class SipPhone:
    """A child process with one line. Not thread-safe. It ends with this object."""

    def __init__(self, line: Line) -> None:
        """Start the process. Raises OSError without the program or its control interface."""
        self._folder = tempfile.TemporaryDirectory(prefix="twinward-phone-")
        folder, port = Path(self._folder.name), _free_port()
        _private(folder / "config", _CONFIG.format(address=line.address, modules=MODULES, port=port))
        _private(folder / "accounts", line.account + "\n")
        _private(folder / "contacts", "")
        self._process = subprocess.Popen(  # noqa: S603 - program of the settings, no shell
            [line.program, "-f", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._sockets: list[socket.socket] = []
        self._end = weakref.finalize(self, _stop, self._process, self._folder, self._sockets)
        self._received = b""
        self._socket = self._connected(port)
        self._wait_for_line()

    @property
    def alive(self) -> bool:
        """Return whether the process runs."""
        return self._process.poll() is None

    def call(self, uri: str, recording: Path, *, ring_s: float, talk_s: float, until: str) -> Call:
        """Call, play the recording after the answer, and return the keys; a key of `until` ends the call.

        Raises OSError if the process ends.
        """
        self._command("ausrc", SILENCE)  # the last recording is deleted, and a call begins with its source
        self._command("dial", uri)
        begun_s, answered_s, keys, ended = time.monotonic(), None, "", "no answer"
        for event in self._events():
            kind, now_s = event.get("type"), time.monotonic()
            if kind == "CALL_ESTABLISHED":
                answered_s, ended = now_s, "no key"
                self._command("ausrc", f"aufile,{recording}")
            elif kind == "CALL_DTMF_START":
                keys += str(event.get("param", ""))[:1]
            elif kind == "CALL_CLOSED":
                return Call(answered_s is not None, keys, str(event.get("param", "")))
            limit_s = begun_s + ring_s if answered_s is None else answered_s + talk_s
            if now_s > limit_s or set(keys) & set(until):
                break
        self._hang_up()
        return Call(answered_s is not None, keys, ended)

    def close(self) -> None:
        """End the process."""
        self._end()

    def _hang_up(self) -> None:
        """End the call and wait for its last event."""
        self._command("hangup", "")
        until_s = time.monotonic() + 2.0
        for event in self._events():
            if event.get("type") == "CALL_CLOSED" or time.monotonic() > until_s:
                return

    def _connected(self, port: int) -> socket.socket:
        until_s = time.monotonic() + START_S
        while True:
            try:
                found = socket.create_connection(("127.0.0.1", port), 1.0)
            except OSError:
                if time.monotonic() > until_s or not self.alive:
                    self._end()
                    raise OSError("the telephone program does not start") from None
                time.sleep(0.05)
            else:
                found.settimeout(0.2)
                self._sockets.append(found)
                return found

    def _wait_for_line(self) -> None:
        """Wait until the account is loaded; a call before that fails. Raises OSError."""
        until_s = time.monotonic() + START_S
        self._command("reginfo", "")
        for event in self._events():
            if "sip:" in str(event.get("data", "")):
                return
            if event.get("response"):
                self._command("reginfo", "")
            if time.monotonic() > until_s:
                self._end()
                raise OSError("the telephone program has no line")

    def _command(self, name: str, parameters: str) -> None:
        content = orjson.dumps({"command": name, "params": parameters, "token": name})
        self._socket.sendall(b"%d:%s," % (len(content), content))

    def _events(self) -> Iterator[dict[str, Any]]:
        """Yield events as they arrive, {} at least every 0.2 s. Raises OSError after the end of the process."""
        while True:
            with contextlib.suppress(TimeoutError):
                content = self._socket.recv(MESSAGE_BYTES_MAX)
                if not content:
                    raise OSError("the telephone program has ended")
                self._received += content
            while (message := self._message()) is not None:
                yield message
            yield {}

    def _message(self) -> dict[str, Any] | None:
        """Remove and return the first whole message; None without one. Raises OSError for another form."""
        length, separator, rest = self._received.partition(b":")
        if not separator and len(length) < 10:  # noqa: PLR2004 - digits of a length
            return None
        if not length.isdigit() or int(length) > MESSAGE_BYTES_MAX:
            raise OSError("the telephone program answers in another form")
        size = int(length)
        if len(rest) <= size:
            return None
        self._received = rest[size + 1 :]
        found = orjson.loads(rest[:size])
        return found if isinstance(found, dict) else {}


def _private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _stop(
    process: subprocess.Popen[bytes], folder: tempfile.TemporaryDirectory[str], sockets: list[socket.socket]
) -> None:
    for one in sockets:
        one.close()
    process.terminate()
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(3)
    folder.cleanup()
