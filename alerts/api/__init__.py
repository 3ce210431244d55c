"""HTTP interface and console of the service. `create_app` loads the web framework on first use."""

from importlib import import_module
from typing import TYPE_CHECKING

from .settings import HttpSettings
from .telemetry import Condition, Last, Qualified, Telemetry

if TYPE_CHECKING:
    from .app import create_app

__all__ = ["Condition", "HttpSettings", "Last", "Qualified", "Telemetry", "create_app"]

if not TYPE_CHECKING:  # type checkers use the import above, and must reject unknown names

    def __getattr__(name: str) -> object:
        """Load `create_app` on first use."""
        if name != "create_app":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = found = import_module(".app", __name__).create_app
        return found
