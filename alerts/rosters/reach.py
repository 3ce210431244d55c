"""Contacts to channels: channel and address of each medium of a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from .model import Person


class Named(Protocol):
    """A delivery channel; a channel to the addresses of persons also has a `medium`."""

    name: str
    for_programs: bool


class Message(NamedTuple):
    """One message of a step. after_s: seconds from its begin; address: "" for a channel with one receiver."""

    after_s: float
    medium: str
    channel: str
    address: str
    persons: tuple[str, ...]


class Reach:
    """Channels of an installation, by name and by the medium of personal ones."""

    def __init__(self, channels: Iterable[Named]) -> None:
        own = [channel for channel in channels if not channel.for_programs]
        self._mediums = {str(getattr(one, "medium", "")): one.name for one in reversed(own)} | {"": ""}
        self._accepts = {one.name: getattr(one, "accepts", None) for one in own}
        self.broadcast = tuple(one.name for one in own if not getattr(one, "medium", ""))
        """Channels to people that need no address."""

    def to_all(self, kind: str, body: Mapping[str, Any]) -> list[str]:
        """Return the channels to people that need no address and receive this notice by their routes."""
        choices = ((name, self._accepts[name]) for name in self.broadcast)
        return [name for name, accepts in choices if accepts is None or accepts(kind, body, pages=True)]

    def contact(self, value: str, medium: str) -> tuple[str, str] | None:
        """Return the channel and the address of a contact; None if no channel serves it."""
        if value in self.broadcast:
            return value, ""
        channel = self._mediums.get(medium)
        return (channel, value) if channel else None

    def messages(self, persons: Sequence[Person], order: Mapping[str, float]) -> list[Message]:
        """Return the messages of a step, the earliest first; one for all persons of one channel and address."""
        found: dict[tuple[float, str, str, str], list[str]] = {}
        for person in persons:
            for medium, value in person.contacts.items():
                reached = self.contact(value, medium) if medium in order else None
                if reached is not None:
                    found.setdefault((order[medium], medium, *reached), []).append(person.id)
        return [Message(*key, tuple(names)) for key, names in sorted(found.items())]

    def named(self, persons: Iterable[Person]) -> set[str]:
        """Return the channels without an address that a contact names."""
        return {value for person in persons for value in person.contacts.values() if value in self.broadcast}
