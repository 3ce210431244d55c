"""First set-up: one-time code, the settings file that the console writes, broker and device accounts."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from alerts import GuardFailed, Invalid
from alerts.api.schemas.setup import BrokerChoice, BrokerState, DeviceAccount, DeviceToAdd
from ingest.mqtt import MqttSettings
from twinward.broker import (
    LOOPBACK,
    AccountError,
    BrokerError,
    bind_fault,
    check_host,
    device_address,
    embedded_accounts,
    find_mosquitto,
    own_address,
    reload_embedded,
)
from twinward.broker.private_files import write_private
from twinward.broker.probe import connection_fault
from twinward.settings import SETTINGS_FILE, Settings

from .broker_trial import AUTHORITY_FILE, PASSWORD_FILE, BrokerTrial

LINK_FILE, TEST_FILE = "setup-link.txt", "mqtt-trial.txt"
CODE_BYTES = 24


class SetUp:
    """Set-up of one data folder. Implements `alerts.api.installation.Installation`; `again` is set for a new start."""

    def __init__(self, settings: Settings, *, fixed: bool) -> None:
        """fixed: a configuration file that a person wrote names the broker, and the console does not change it."""
        self._settings, self._fixed = settings, fixed
        self._folder = settings.data_dir.resolve()
        self.trial = BrokerTrial(self._folder)
        self._code = ""
        self._connected: Callable[[], bool] = lambda: False
        self.again = threading.Event()

    def watch(self, connected: Callable[[], bool]) -> None:
        """Use this check of the session with the broker."""
        self._connected = connected

    def link(self, url: str) -> str:
        """Return the address of the set-up with a new code; also write it to a file of mode 0600."""
        self._code = secrets.token_urlsafe(CODE_BYTES)
        address = f"{url}#/setup/{self._code}"
        write_private(self._folder / LINK_FILE, address + "\n")
        return address

    def opens(self, code: str) -> bool:
        """Return whether this is the code of the link, which counts until an account was made with it."""
        return bool(self._code) and hmac.compare_digest(code.encode(), self._code.encode())

    def opened(self) -> None:
        """End the code and remove its file."""
        self._code = ""
        (self._folder / LINK_FILE).unlink(missing_ok=True)

    def broker(self) -> BrokerState:
        """Return the present broker."""
        broker, mqtt = self._settings.broker, self._settings.mqtt
        chosen = self._fixed or (self._folder / SETTINGS_FILE).exists()
        return BrokerState(
            mode="embedded" if broker.embedded else "external" if chosen else "none",
            url=f"mqtt://{device_address(broker.host)}:{broker.port}" if broker.embedded else mqtt.url,
            connected=self._connected(),
            fixed=self._fixed,
            mosquitto=find_mosquitto() is not None,
            host=broker.host,
            network=own_address(),
            fault=self.trial.fault,
        )

    def test(self, choice: BrokerChoice) -> str:
        """Return the reason why a broker cannot be used, "" if it can."""
        if choice.embedded:
            return self._embedded_fault(choice)
        trial = self._folder / TEST_FILE
        try:
            return connection_fault(self._external(choice, trial))
        finally:
            trial.unlink(missing_ok=True)
            trial.with_suffix(".pem").unlink(missing_ok=True)

    def choose(self, choice: BrokerChoice) -> None:
        """Write the settings file and request a new start."""
        if self._fixed:
            raise GuardFailed(
                "fixed",
                "消息服务器由配置文件指定，请在文件中修改",
                "the configuration file names the broker; change it there",
            )
        self.trial.begin(connected=self._connected())
        if choice.embedded:
            chosen = {"embedded": True, "port": choice.port, "host": choice.host}
            table: dict[str, dict[str, Any]] = {"broker": chosen}
        else:
            mqtt = self._external(choice, self._folder / PASSWORD_FILE)
            names = ("url", "username", "password_file", "ca_file")
            table = {"mqtt": {name: getattr(mqtt, name) for name in names if getattr(mqtt, name)}}
        write_private(self._folder / SETTINGS_FILE, settings_text(table))
        self.again.set()

    def add_device(self, choice: DeviceToAdd) -> DeviceAccount:
        """Return a new account at the embedded broker."""
        broker = self._settings.broker
        if not broker.embedded:
            raise GuardFailed(
                "external",
                "外部消息服务器的账号由其管理员建立",
                "the administrator of an existing broker makes its accounts",
            )
        accounts = embedded_accounts(self._settings.data_dir, self._settings.mqtt)
        try:
            password = accounts.add(choice.name, site=choice.site)
        except AccountError as error:
            raise Invalid.in_both({"name": (str(error), "账号名或设备已存在，或不允许使用")}) from error
        reload_embedded(self._settings.data_dir)
        topic = f"campus/{choice.site}/{{kind}}/{choice.name}"
        return DeviceAccount(username=choice.name, password=password, topic=topic, url=self.broker().url)

    def _embedded_fault(self, choice: BrokerChoice) -> str:
        """Return the reason why the embedded broker cannot start, "" if it can."""
        if find_mosquitto() is None:
            return "本机没有 Mosquitto，请安装 mosquitto 软件包 / Mosquitto is missing; install the package mosquitto"
        try:
            check_host(choice.host)
        except BrokerError as error:
            return str(error)
        broker = self._settings.broker
        own = broker.embedded and broker.port == choice.port  # the running broker holds the port until the new start
        if not own and (taken := bind_fault(LOOPBACK, choice.port)):
            return taken
        return "" if own and broker.host == choice.host else bind_fault(choice.host, 0 if own else choice.port)

    def _external(self, choice: BrokerChoice, password_file: Path) -> MqttSettings:
        """Return the settings of an existing broker, with its secrets in files of mode 0600."""
        made = replace(MqttSettings(), url=choice.url.strip(), client_id=self._settings.mqtt.client_id)
        if choice.username:
            write_private(password_file, choice.password + "\n")
            made = replace(made, username=choice.username, password_file=str(password_file))
        if choice.authority:
            path = (
                password_file.with_suffix(".pem") if password_file.name == TEST_FILE else self._folder / AUTHORITY_FILE
            )
            write_private(path, choice.authority)
            made = replace(made, ca_file=str(path))
        return made


def settings_text(table: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a settings file with these sections. A text keeps quotes and backslashes."""
    lines = ["# Written by the set-up of the console. It may be edited by hand."]
    for section, keys in table.items():
        lines += ["", f"[{section}]", *(f"{name} = {_toml(value)}" for name, value in keys.items())]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    if any(character < " " or character == "\x7f" for character in escaped):
        raise Invalid.in_both({"broker": ("text without control characters", "不能含控制字符")})
    return f'"{escaped}"'
