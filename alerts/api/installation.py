"""Interface of the API to the machine that it runs on, for the first set-up."""

from __future__ import annotations

from typing import Protocol

from .schemas import setup as schemas


class Installation(Protocol):
    """The machine that the service runs on. Each method may be called from several threads."""

    def opens(self, code: str) -> bool:
        """Return whether this is the code of the first start."""
        ...

    def opened(self) -> None:
        """End the code: the first account exists."""
        ...

    def broker(self) -> schemas.BrokerState:
        """Return the present broker."""
        ...

    def test(self, choice: schemas.BrokerChoice) -> str:
        """Return the reason why a broker cannot be used, "" if it can; at most 10 s."""
        ...

    def choose(self, choice: schemas.BrokerChoice) -> None:
        """Store the broker and start the service again with it. Raises GuardFailed if a person's file names one."""
        ...

    def add_device(self, choice: schemas.DeviceToAdd) -> schemas.DeviceAccount:
        """Return a new account at the embedded broker. Raises Invalid, GuardFailed without such a broker."""
        ...
