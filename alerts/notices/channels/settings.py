"""Channels of the configuration. Secrets come from files, never from the configuration itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import doc

from alerts.errors import ChannelError

from .contract import Channel


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """Destinations of notices."""

    webhooks: Annotated[tuple[str, ...], doc("URLs that receive every event as a signed webhook")] = ()
    webhook_secret_file: Annotated[
        Path | None, doc("file with the signing secret, whsec_ and base64, or two while rotating; mode 0600")
    ] = None
    allow_private: Annotated[bool, doc("whether webhooks may go to private and loopback addresses")] = False
    apprise_file: Annotated[Path | None, doc("file with one Apprise address a line; mode 0600")] = None


def open_channels(settings: NotifySettings) -> list[Channel]:
    """Return the channels of the settings. Raises ChannelError for an unusable secret file."""
    channels: list[Channel] = []
    if settings.webhooks:
        from .webhook import Webhook, read_secrets  # noqa: PLC0415 - a service without webhooks loads no client

        if settings.webhook_secret_file is None:
            raise ChannelError("notify.webhook_secret_file is needed for webhooks")
        keys = read_secrets(_secret(settings.webhook_secret_file))
        for number, url in enumerate(settings.webhooks, 1):
            channels.append(Webhook(f"webhook-{number}", url, keys, allow_private=settings.allow_private))
    if settings.apprise_file is not None:
        from .people import PeopleChannel  # noqa: PLC0415 - as above

        wanted = addresses(settings.apprise_file)
        channels += [PeopleChannel(f"people-{number}", address) for number, address in enumerate(wanted, 1)]
    return channels


def addresses(path: Path | None) -> list[str]:
    """Return the addresses of the file, one per line, without comments and blank lines. Raises ChannelError."""
    lines = [line.strip() for line in _secret(path).splitlines()] if path else []
    return [line for line in lines if line and not line.startswith("#")]


def _secret(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise ChannelError(f"{path} may be read by others; make it mode 0600")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ChannelError(f"{path}: {error.strerror}") from error
