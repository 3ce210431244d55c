"""The embedded broker: Mosquitto as a child where it is installed, else iotcore from PyPI; loopback only."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

from .child import LOOPBACK, BrokerError, listens
from .iotcore import IotCoreBroker
from .mosquitto import MosquittoBroker, broken_stores, find_mosquitto

__all__ = [
    "LOOPBACK",
    "Broker",
    "BrokerError",
    "Kind",
    "available",
    "broken_stores",
    "find_mosquitto",
    "listens",
    "start_broker",
]

Kind = Literal["mosquitto", "iotcore"]


class Broker(Protocol):
    """A broker of our own on loopback.

    Must hold for every implementation: it listens on 127.0.0.1 only, speaks MQTT 5, comes up again by itself when its
    process ends unasked, and `stop` frees the port and may be called twice.
    """

    name: str
    url: str

    def start(self) -> None:
        """Bring it up and wait until it listens. Raises BrokerError."""
        ...

    def stop(self) -> None:
        """End it; blocks until it is gone, for some seconds at most."""
        ...

    def alive(self) -> bool:
        """Whether its process runs."""
        ...


def start_broker(port: int, data_dir: Path, prefer: Kind | None = None) -> Broker:
    """A running broker: the preferred one, or the best that is here. Raises BrokerError."""
    kinds: Sequence[Kind] = ("mosquitto", "iotcore") if prefer is None else (prefer,)
    here = [kind for kind in kinds if available(kind)]
    if not here:
        raise BrokerError(
            f"no broker here: install Mosquitto, or `pip install iotcore` (looked for {', '.join(kinds)})"
        )
    broker: Broker = (MosquittoBroker if here[0] == "mosquitto" else IotCoreBroker)(port, data_dir)
    broker.start()
    return broker


def available(kind: Kind) -> bool:
    """Whether that broker can be started on this machine."""
    return bool(find_mosquitto()) if kind == "mosquitto" else importlib.util.find_spec("iotcore") is not None
