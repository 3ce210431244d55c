"""HTTP interface and console of the service."""

from .app import create_app
from .settings import HttpSettings
from .telemetry import Condition, Last, Telemetry

__all__ = ["Condition", "HttpSettings", "Last", "Telemetry", "create_app"]
