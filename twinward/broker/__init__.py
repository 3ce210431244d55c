"""Embedded broker: Mosquitto with accounts for the service; without accounts, or iotcore, for a demo."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

from .access import check_embedded, embedded_accounts, reload_embedded, signed_in, start_embedded
from .accounts import Account, AccountError, Accounts
from .child import LOOPBACK, BrokerError, listens
from .iotcore import IotCoreBroker
from .listening import EVERY, bind_fault, check_host, device_address, own_address
from .mosquitto import MosquittoBroker, broken_stores, find_mosquitto

__all__ = [
    "EVERY",
    "LOOPBACK",
    "Account",
    "AccountError",
    "Accounts",
    "Broker",
    "BrokerError",
    "Kind",
    "available",
    "bind_fault",
    "broken_stores",
    "check_embedded",
    "check_host",
    "device_address",
    "embedded_accounts",
    "find_mosquitto",
    "listens",
    "own_address",
    "reload_embedded",
    "signed_in",
    "start_broker",
    "start_embedded",
]

Kind = Literal["mosquitto", "iotcore"]


class Broker(Protocol):
    """An embedded broker.

    Invariants of every implementation: it listens on 127.0.0.1 (other addresses with TLS or accounts only), implements
    MQTT 5, and restarts automatically after its process ended unexpectedly. `stop` frees the port and may be called
    twice.
    """

    name: str
    url: str

    def start(self) -> None:
        """Start the broker and wait until it listens. Raises BrokerError."""
        ...

    def stop(self) -> None:
        """Stop the broker; block until its process ended, for some seconds at most."""
        ...

    def alive(self) -> bool:
        """Return True while its process runs."""
        ...


def start_broker(port: int, data_dir: Path, prefer: Kind | None = None) -> Broker:
    """Return a running broker without accounts, for a demo: the preferred or the first installed one.

    Raises BrokerError.
    """
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
    """Return True if this broker is installed on this machine."""
    return bool(find_mosquitto()) if kind == "mosquitto" else importlib.util.find_spec("iotcore") is not None
