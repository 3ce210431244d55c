"""HTTP server of the service, with limits on connections, times and requests."""

from .server import WebServer
from .turns import Turns

__all__ = ["Turns", "WebServer"]
