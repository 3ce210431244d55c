"""`doctor`: health checks of broker, disk, clock, ports, console and notification channels."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

import alerts
from alerts.api import HttpSettings
from alerts.api.transport import transport
from alerts.errors import TransportRefused
from alerts.notices.channels import addresses
from twinward.broker import LOOPBACK, available, broken_stores, listens
from twinward.clock import Clock, system_clock
from twinward.data_folder.exposure import exposed, run_by_root
from twinward.errors import as_cli_errors
from twinward.service import PACKAGE_ERRORS
from twinward.settings import read_settings
from twinward.standby.self_monitor import FREE_SHARE_MIN
from twinward.tables import read_tables

CONSOLE = Path(alerts.__file__).parent / "console" / "dist" / "index.html"
SECOND_NS = 1_000_000_000
CERTIFICATE_DAYS_MIN = 30
_EPOCH_MIN_NS = 1_767_225_600 * SECOND_NS  # 2026-01-01: the service is younger than any clock before that
_EPOCH_MAX_NS = 4_102_444_800 * SECOND_NS  # 2100-01-01
_CLOCK_SPAN_S = 0.05
_CLOCK_DRIFT_S_MAX = 0.02
_TIMEOUT_S = 3.0
# MQTT 3.1.1, 3.1: CONNECT of protocol level 4 with a clean session, keepalive 10 s and no client id
_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00"
_CONNACK, _CONNACK_BYTES = 0x20, 4
_PLAIN, _TLS = 1883, 8883
_FILES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Result of one check, in both languages; advice is "" after success."""

    name: str
    ok: bool
    text_zh: str
    text_en: str
    advice: str = ""


def examine(
    *,
    broker_url: str,
    data_dir: Path,
    ports: Mapping[str, int],
    console: Path,
    channels: Sequence[str] = (),
    clock: Clock = system_clock,
    http: HttpSettings | None = None,
) -> list[CheckResult]:
    """Return the results for broker, folder, files, account, disk, clock, ports, console, transport and channels.

    ports: purpose -> loopback port of the service; console: index.html of the built page; channels: addresses, of which
    only the scheme is shown. Blocks for some seconds at most.
    """
    return [
        check_broker(broker_url),
        check_folder(data_dir),
        *check_exposure(data_dir),
        check_disk(data_dir),
        check_clock(clock),
        *(check_port(name, port) for name, port in ports.items()),
        check_console(console),
        check_transport(http or HttpSettings()),
        check_embedded(),
        check_broken_stores(data_dir),
        *(check_channel(number, url) for number, url in enumerate(channels, 1)),
    ]


def examine_installation(config: Path | None, *, as_json: bool) -> bool:
    """Print the check results of the configured installation; return True if all checks passed."""
    settings = read_settings(config, os.environ)
    read_tables(settings)
    with as_cli_errors(*PACKAGE_ERRORS):
        channels = [*settings.notify.webhooks, *addresses(settings.notify.apprise_file)]
    ports = {"console": settings.http.port}
    if settings.broker.embedded:
        ports["broker"] = settings.broker.port
    results = examine(
        broker_url=settings.mqtt.url,
        data_dir=settings.data_dir,
        ports=ports,
        console=CONSOLE,
        channels=channels,
        http=settings.http,
    )
    for row in results:
        _print_row(row, as_json=as_json)
    return all(row.ok for row in results)


def _print_row(row: CheckResult, *, as_json: bool) -> None:
    if as_json:
        shown = {"name": row.name, "ok": row.ok, "zh": row.text_zh, "en": row.text_en, "advice": row.advice}
        print(json.dumps(shown, ensure_ascii=False))
        return
    print(f"{'ok  ' if row.ok else 'FAIL'} {row.name}: {row.text_en} / {row.text_zh}")
    if row.advice and not row.ok:
        print(f"     {row.advice}")


def check_broker(url: str) -> CheckResult:
    """Check that the broker accepts a TCP connection and, without TLS, refuses an anonymous client."""
    try:
        parts = urlsplit(url)
        host, tls = parts.hostname or "", parts.scheme == "mqtts"
        port = parts.port or (_TLS if tls else _PLAIN)
    except ValueError:
        return CheckResult(
            "broker", False, "消息服务器地址无效", "the broker's address cannot be read", "mqtt://host:port"
        )
    where = f"{host}:{port}"
    try:
        with socket.create_connection((host, port), timeout=_TIMEOUT_S) as sock:
            answer = b"" if tls else _ask(sock)
    except OSError as error:
        advice = "start the broker, or set mqtt.url"
        return CheckResult("broker", False, f"无法连接消息服务器 {where}", f"no broker at {where}: {error}", advice)
    if tls:
        return CheckResult(
            "broker", True, f"{where} 可达（未检查登录）", f"{where} is reachable (TLS; login not tried)"
        )
    if len(answer) < _CONNACK_BYTES or answer[0] != _CONNACK:
        advice = "another program listens there: check mqtt.url"
        return CheckResult("broker", False, f"{where} 不是 MQTT 服务器", f"{where} is no MQTT broker", advice)
    if answer[_CONNACK_BYTES - 1] == 0:
        advice = "give each device an account: twinward devices, deploy/mosquitto"
        text = f"broker at {where} accepts clients without an account"
        return CheckResult("broker", False, f"消息服务器 {where} 允许匿名连接", text, advice)
    return CheckResult("broker", True, f"消息服务器 {where} 正常", f"broker at {where} answers and requires accounts")


def check_folder(data_dir: Path) -> CheckResult:
    """Check that the data folder is writable."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=data_dir, prefix=".doctor-") as probe:
            probe.write(b"x")
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        advice = "give the service's user the right to write there, or set data_dir"
        return CheckResult("data", False, f"数据目录不可写：{data_dir}", f"cannot write to {data_dir}: {error}", advice)
    return CheckResult("data", True, f"数据目录可写：{data_dir}", f"{data_dir} can be written")


def check_exposure(data_dir: Path) -> list[CheckResult]:
    """Check that only the service's account may use the data folder and its files, and that it is not root."""
    found = exposed(data_dir)
    files = CheckResult("files", True, "数据目录仅本账户可用", "only the service's account may use the data folder")
    if found:
        shown = ", ".join(
            f"{path} ({path.lstat().st_mode & 0o777:04o})" for path in found[:_FILES_SHOWN] if path.exists()
        )
        more = f" and {len(found) - _FILES_SHOWN} more" if len(found) > _FILES_SHOWN else ""
        text_en = f"other accounts may use {shown}{more}"
        files = CheckResult("files", False, f"其他账户可访问：{shown}", text_en, f"chmod -R go= {data_dir}")
    if not run_by_root(data_dir):
        return [files, CheckResult("account", True, "服务不以 root 运行", "the service does not run as root")]
    advice = "run it with an account of its own, as deploy/twinward.service does"
    return [files, CheckResult("account", False, "服务以 root 运行", "the service runs as root", advice)]


def check_disk(data_dir: Path) -> CheckResult:
    """Check that at least FREE_SHARE_MIN of the disk is free."""
    try:
        usage = shutil.disk_usage(data_dir)
    except OSError as error:
        return CheckResult("disk", False, "无法读取磁盘空间", f"free space cannot be read: {error}", "check data_dir")
    share = usage.free / usage.total if usage.total else 0.0
    enough = share >= FREE_SHARE_MIN
    advice = "" if enough else f"free at least {FREE_SHARE_MIN:.0%} of the disk, or move data_dir"
    return CheckResult("disk", enough, f"磁盘剩余 {share:.0%}", f"{share:.0%} of the disk is free", advice)


def check_clock(clock: Clock = system_clock) -> CheckResult:
    """Check that the wall clock shows a possible year and runs at the rate of the monotonic clock."""
    wall_ns, steady_ns = clock(), time.monotonic_ns()
    time.sleep(_CLOCK_SPAN_S)
    drift_s = abs((clock() - wall_ns) - (time.monotonic_ns() - steady_ns)) / SECOND_NS
    if not _EPOCH_MIN_NS <= wall_ns < _EPOCH_MAX_NS:
        return CheckResult(
            "clock", False, "系统时间不正确", "the clock shows an impossible year", "set the clock; run NTP"
        )
    if drift_s > _CLOCK_DRIFT_S_MAX:
        text = f"the clock jumped by {drift_s:.3f} s within 0.05 s"
        return CheckResult("clock", False, "系统时间发生跳变", text, "run exactly one NTP client")
    return CheckResult("clock", True, "系统时间正常", "the clock is correct")


def check_port(name: str, port: int) -> CheckResult:
    """Check that the port is free."""
    if listens(port):
        advice = f"end the other program, or choose another port for {name}"
        return CheckResult(f"port {name}", False, f"端口 {port} 已被占用", f"port {port} is taken", advice)
    return CheckResult(f"port {name}", True, f"端口 {port} 可用", f"port {port} is free")


def check_console(index: Path) -> CheckResult:
    """Check that the console is built."""
    if index.is_file():
        return CheckResult("console", True, "控制台页面已构建", "the console is built")
    return CheckResult("console", False, "控制台页面未构建", "the console is not built", "pip install . builds it")


def check_transport(http: HttpSettings, clock: Clock = system_clock) -> CheckResult:
    """Check that other machines reach the HTTP interface by TLS only, and that its certificate lasts 30 days."""
    name = "transport"
    try:
        kind = transport(http)
    except TransportRefused as error:
        return CheckResult(name, False, "控制台的传输设置不可用", str(error), "change the settings of [http]")
    if kind == "plain":
        advice = "make a certificate with `twinward certificate`, or name a proxy in http.proxies"
        text = f"http.plain permits HTTP without TLS on {http.host}"
        return CheckResult(name, False, f"http.plain 允许 {http.host} 使用未加密的 HTTP", text, advice)
    if kind != "tls":
        return CheckResult(name, True, f"控制台的传输方式：{kind}", f"the HTTP interface uses {kind}")
    end = x509.load_pem_x509_certificate(Path(http.certificate).read_bytes()).not_valid_after_utc
    days = int((end.timestamp() * SECOND_NS - clock()) / SECOND_NS / 86_400)
    return CheckResult(
        name,
        days >= CERTIFICATE_DAYS_MIN,
        f"HTTPS 证书还有 {days} 天到期",
        f"the HTTPS certificate ends in {days} days",
        "renew it with `twinward certificate --renew`, then restart the service",
    )


def check_embedded() -> CheckResult:
    """Check that an embedded broker is installed."""
    for kind in ("mosquitto", "iotcore"):
        if available(kind):
            return CheckResult("embedded broker", True, f"内置消息服务器：{kind}", f"{kind} can be started")
    advice = "install Mosquitto, or pip install iotcore"
    return CheckResult(
        "embedded broker", False, "没有内置消息服务器", f"neither Mosquitto nor iotcore on {LOOPBACK}", advice
    )


def check_broken_stores(data_dir: Path) -> CheckResult:
    """Check that the embedded broker has no broken store that waits for a person."""
    kept = broken_stores(data_dir)
    if not kept:
        return CheckResult(
            "broker store", True, "内置消息服务器的存储正常", "the embedded broker's store has always been readable"
        )
    return CheckResult(
        "broker store",
        False,
        f"内置消息服务器的存储曾损坏，已移至 {kept[-1]}；其中等待的消息已丢失",
        f"the embedded broker's store was broken and moved to {kept[-1]}; messages that waited in it are lost",
        "read data_gap for the affected devices, then delete the file",
    )


def check_channel(number: int, url: str) -> CheckResult:
    """Check that a channel's address is a URL; the result shows only its scheme."""
    name = f"channel {number}"
    try:
        parts = urlsplit(url.strip())
        sound = bool(parts.scheme and "://" in url and (parts.netloc or parts.path.strip("/")))
    except ValueError:
        sound = False
    if not sound:
        return CheckResult(name, False, f"第 {number} 个通知渠道地址无效", "its address cannot be read", "scheme://...")
    return CheckResult(name, True, f"通知渠道 {parts.scheme} 地址有效", f"{parts.scheme} address can be read")


def _ask(sock: socket.socket) -> bytes:
    sock.settimeout(_TIMEOUT_S)
    sock.sendall(_CONNECT)
    return sock.recv(_CONNACK_BYTES)
