"""Channel file: further channels as TOML tables, each with its route."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

from annotated_types import doc

from alerts.errors import ChannelError
from ingest.tables import FilledText, TableReader, one_of

from .contract import Channel
from .routes import PersonalRoute, Route, routed
from .secret_files import secret


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotSettings(PersonalRoute):
    """Group robot of DingTalk, WeCom or Feishu."""

    kind: Annotated[str, one_of(("dingtalk", "wecom", "feishu")), doc("provider of the robot")]
    url: Annotated[FilledText, doc("address of the robot")] = field(repr=False)
    secret: Annotated[str, doc("signing secret of DingTalk and Feishu")] = field(default="", repr=False)
    allow_private: Annotated[bool, doc("whether the address may be private or plain http")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseSettings(PersonalRoute):
    """Any address of Apprise: ntfy, Bark and others."""

    address: Annotated[FilledText, doc("Apprise address")] = field(repr=False)


KINDS: Mapping[str, tuple[str, str]] = {
    "robot": ("channel_file", "RobotSettings"),
    "apprise": ("channel_file", "AppriseSettings"),
    "mail": ("mail", "MailSettings"),
    "sms": ("sms_gateway", "SmsSettings"),
    "sms_spool": ("sms_spool", "SpoolSettings"),
    "voice": ("voice", "VoiceSettings"),
    "siren": ("siren", "SirenSettings"),
    "alertmanager": ("alertmanager", "AlertmanagerSettings"),
    "pagerduty": ("pagerduty", "PagerDutySettings"),
    "cap": ("cap", "CapSettings"),
    "web_push": ("web_push", "WebPushSettings"),
}
"""Table of the file -> module and settings of the channel; the module is loaded on use."""


def settings_of(kind: str) -> type[Route]:
    """Return the settings of a kind of channel."""
    module, name = KINDS[kind]
    found: type[Route] = getattr(import_module(f".{module}", __package__), name)
    return found


def read_channel_file(path: Path) -> list[tuple[str, Route]]:
    """Return the channels of the file with their kinds. Raises ChannelError with all errors, without secrets."""
    try:
        table = tomllib.loads(secret(path))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ChannelError(f"{path}: no TOML file ({type(error).__name__})") from None
    reader = TableReader(table, lambda errors: ChannelError("\n".join(errors)), source=str(path))
    reader.expect(*KINDS)
    found: list[tuple[str, Route]] = []
    for kind in filter(table.__contains__, KINDS):
        found += [(kind, route) for route in reader.rows(kind, settings_of(kind), check=_errors)]
    reader.unique("channel", ([route.name] for _, route in found), "name")
    reader.errors = [_without_value(error) for error in reader.errors]
    reader.finish()
    return found


def open_channel_file(path: Path, *, clock: Callable[[], int] = time.time_ns) -> list[Channel]:
    """Return the channels of the file, each with its route. Raises ChannelError."""
    return [routed(_open(kind, route, clock), route) for kind, route in read_channel_file(path)]


def _open(kind: str, given: Any, clock: Callable[[], int]) -> Channel:
    """Return the channel of one table; its module is loaded here."""
    if kind == "robot":
        from .robots import Robot, RobotChannel  # noqa: PLC0415 - a service without robots loads no client

        robot = Robot(given.kind, given.url, given.secret)
        return RobotChannel(given.name, robot, allow_private=given.allow_private)
    if kind == "apprise":
        from .people import PeopleChannel  # noqa: PLC0415 - as above

        return PeopleChannel(given.name, given.address)
    module = import_module(f".{KINDS[kind][0]}", __package__)
    names = {"mail": "MailChannel", "sms": "SmsChannel", "sms_spool": "SpoolChannel", "siren": "SirenChannel"}
    names |= {"voice": "VoiceChannel", "web_push": "WebPushChannel"}
    if kind in names:
        found: Channel = getattr(module, names[kind])(given)
    elif kind == "pagerduty":
        found = module.PagerDutyChannel(given)
    else:
        found = getattr(module, {"alertmanager": "AlertmanagerChannel", "cap": "CapChannel"}[kind])(given, clock)
    return found


def _errors(route: Route) -> Iterable[str]:
    check = getattr(route, "errors", None)
    return () if check is None else check()


_SECRET = ("url", "secret", "secrets", "address", "password", "routing_key", "token")


def _without_value(error: str) -> str:
    """Return the error without the value of a secret key."""
    where, separator, rest = error.partition(" = ")
    key = where.rpartition(".")[2]
    if separator and (key in _SECRET or ".secrets" in where):
        return f"{where} is not allowed: {rest.rpartition(': ')[2]}"
    return error
