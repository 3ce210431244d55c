"""HTTP interface and console of the service."""

from .app import create_app
from .settings import HttpSettings
from .telemetry import Last, Telemetry

__all__ = ["HttpSettings", "Last", "Telemetry", "create_app"]
