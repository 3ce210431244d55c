"""Listening address of the embedded broker: loopback, every address, or one of this machine."""

from __future__ import annotations

import socket
from ipaddress import AddressValueError, IPv4Address

from .child import LOOPBACK, BrokerError

EVERY = "0.0.0.0"  # noqa: S104 - a choice of the operator, with accounts
_ELSEWHERE = ("192.0.2.1", 9)  # documentation address (RFC 5737); no packet is sent


def check_host(host: str) -> None:
    """Raise BrokerError for anything but an IPv4 address; a name may change its address."""
    try:
        IPv4Address(host)
    except AddressValueError as error:
        raise BrokerError(
            f"broker.host: {host!r}; allowed are {LOOPBACK}, {EVERY} and an IPv4 address of this machine"
        ) from error


def own_address() -> str:
    """Return the address by which other machines reach this one, loopback without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:
            return LOOPBACK
        return str(probe.getsockname()[0])


def device_address(host: str) -> str:
    """Return the address that devices use for a listener on `host`."""
    return own_address() if host == EVERY else host


def bind_fault(host: str, port: int) -> str:
    """Return the reason why the address cannot be bound, "" if it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return (
                f"{host}:{port} 无法使用：{error.strerror}，请换地址或端口 / "
                f"{host}:{port} cannot be used: {error.strerror}; choose another address or port"
            )
    return ""
