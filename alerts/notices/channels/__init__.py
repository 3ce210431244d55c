"""Delivery channels to people and programs, and their settings."""

from alerts.errors import ChannelError

from .contract import Channel
from .settings import NotifySettings, addresses, open_channels

__all__ = ["Channel", "ChannelError", "NotifySettings", "addresses", "open_channels"]
