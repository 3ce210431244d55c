"""Channels of the configuration. Secrets come from files, never from the configuration itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from annotated_types import Interval, Unit, doc

from alerts.errors import ChannelError

from .contract import Answering, Answers, Channel, Connected, Pushing
from .secret_files import addresses, secret

if TYPE_CHECKING:  # loads the database, which a process of another role does not need
    from alerts.people.push_devices import PushDevices


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """Destinations of notices."""

    webhooks: Annotated[tuple[str, ...], doc("URLs that receive every event as a signed webhook")] = ()
    webhook_secret_file: Annotated[
        Path | None, doc("file with the signing secret, whsec_ and base64, or two while rotating; mode 0600")
    ] = None
    allow_private: Annotated[bool, doc("whether webhooks may go to private and loopback addresses")] = False
    apprise_file: Annotated[Path | None, doc("file with one Apprise address a line; mode 0600")] = None
    robots_file: Annotated[
        Path | None, doc("file with one robot a line: dingtalk, wecom or feishu, its URL, its secret; mode 0600")
    ] = None
    link_url: Annotated[
        str, doc("address of the console for phones, such as https://alarm.school.example; pages get a one-time link")
    ] = ""
    channels_file: Annotated[
        Path | None, doc("TOML file with further channels and their routes, see the operators' manual; mode 0600")
    ] = None
    watchdog_s: Annotated[
        float, Interval(ge=1, le=3_600), Unit("s"), doc("interval of the synthetic alarms and of the dead-man signal")
    ] = 30.0
    dead_man_file: Annotated[
        Path | None, doc("file with one monitor a line: ping or alertmanager, a space, its URL; mode 0600")
    ] = None


def open_channels(settings: NotifySettings) -> list[Channel]:
    """Return the channels of the settings. Raises ChannelError for an unusable secret file."""
    channels: list[Channel] = []
    if settings.webhooks:
        from .webhook import Webhook, read_secrets  # noqa: PLC0415 - a service without webhooks loads no client

        if settings.webhook_secret_file is None:
            raise ChannelError("notify.webhook_secret_file is needed for webhooks")
        keys = read_secrets(secret(settings.webhook_secret_file))
        for number, url in enumerate(settings.webhooks, 1):
            channels.append(Webhook(f"webhook-{number}", url, keys, allow_private=settings.allow_private))
    if settings.apprise_file is not None:
        from .people import PeopleChannel  # noqa: PLC0415 - as above

        wanted = addresses(settings.apprise_file)
        channels += [PeopleChannel(f"people-{number}", address) for number, address in enumerate(wanted, 1)]
    if settings.robots_file is not None:
        from .robots import RobotChannel, read_robots  # noqa: PLC0415 - as above

        for number, robot in enumerate(read_robots(settings.robots_file), 1):
            channels.append(RobotChannel(f"{robot.kind}-{number}", robot, allow_private=settings.allow_private))
    if settings.channels_file is not None:
        from .channel_file import open_channel_file  # noqa: PLC0415 - as above

        channels += open_channel_file(settings.channels_file)
    return _with_unique_names(channels)


def connect(channels: Sequence[Channel], answers: Answers, devices: PushDevices) -> Callable[[], None]:
    """Pass answers of persons to this receiver; return the function that ends connections of the channels.

    devices: browsers for Web Push.
    """
    for channel in channels:
        if isinstance(channel, Answering):
            channel.connect(answers)
        if isinstance(channel, Pushing):
            channel.use(devices)

    def close() -> None:
        for channel in channels:
            if isinstance(channel, Connected):
                channel.close()

    return close


def _with_unique_names(channels: list[Channel]) -> list[Channel]:
    """Return the channels. Raises ChannelError if two have one name: each would take the other's notices."""
    names = [channel.name for channel in channels]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ChannelError(
            f"channels: the name {', '.join(twice)} is used twice; allowed are names of one channel each"
        )
    return channels
