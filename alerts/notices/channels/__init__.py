"""Delivery channels to people and programs, and their settings."""

from alerts.errors import ChannelError

from .contract import Channel
from .secret_files import addresses
from .settings import NotifySettings, connect, open_channels

__all__ = ["Channel", "ChannelError", "NotifySettings", "addresses", "connect", "open_channels"]
