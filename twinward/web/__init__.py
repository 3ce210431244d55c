"""HTTP server of the service."""

from .server import WebServer

__all__ = ["WebServer"]
