"""Ways out to people and programs, and how the configuration names them."""

from .contract import Channel
from .settings import ChannelError, NotifySettings, addresses, open_channels

__all__ = ["Channel", "ChannelError", "NotifySettings", "addresses", "open_channels"]
