"""Protocol of a delivery channel to people or programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from alerts.model import Notice, Receipt

if TYPE_CHECKING:  # loads the database, which a process of another role does not need
    from alerts.people.push_devices import PushDevices

ACKNOWLEDGEMENTS = ("hazard.acknowledged", "hazard.unacknowledged")
"""Types of notices that only programs with a choice of notices receive."""


class Channel(Protocol):
    """One delivery channel.

    Invariants of every implementation: `deliver` never raises and ends within its time limit. The receipt states
    success and, after a failure, whether a retry may succeed. The message has the notice's id if its format permits.
    """

    name: str
    for_programs: bool
    """True: receives every event; False: receives only pages."""

    def deliver(self, notice: Notice) -> Receipt:
        """Attempt the delivery once."""
        ...


@runtime_checkable
class Limited(Protocol):
    """A channel whose receiver accepts a limited number of messages; it takes several notices as one digest."""

    def wait_s(self, *, red: bool) -> float:
        """Return the seconds until the receiver accepts a message of this grade; 0.0 for now."""
        ...

    def blocked(self) -> bool:
        """Return whether the receiver refuses every message now; an attempt then only returns the rest of the block."""
        ...


@runtime_checkable
class Personal(Protocol):
    """A channel to the address of one person, `notice.body["to"]["address"]`; it gets no notice without one.

    `notice.body["reply"]` has the code of the alarm for an SMS reply and the link of a phone, each "" if there is none.
    A reply, a key of a call and a link go to `AlertDispatch.acknowledgements`.
    """

    medium: str
    """Medium of the contacts that it serves: app, sms, voice or email."""


@runtime_checkable
class Slow(Protocol):
    """A channel that needs longer than others: a person answers a call and presses a key."""

    limit_s: float
    """Limit of one delivery."""


class Answers(Protocol):
    """Receiver of the answers of persons; `AlertDispatch.acknowledgements` is one."""

    def by_reply(self, sender: str, text: str) -> Answer:
        """Accept an SMS reply."""
        ...

    def by_key(self, notice_id: str, key: str) -> Answer:
        """Accept a key that was pressed during the call of a notice."""
        ...


class Answer(Protocol):
    """Result of an answer."""

    @property
    def accepted(self) -> bool:
        """Return whether the answer was one of a person whom the alarm has paged."""
        ...


@runtime_checkable
class Answering(Protocol):
    """A channel that receives answers of persons: replies by SMS, keys of a call."""

    def connect(self, answers: Answers) -> None:
        """Pass answers to this receiver from now on."""
        ...


@runtime_checkable
class Posted(Protocol):
    """A channel whose provider posts the replies of persons to the service, at an address with a secret token."""

    name: str

    def take_replies(self, token: str, content: bytes) -> str | None:
        """Pass on the replies of a request; return the JSON response, None for a wrong token.

        Raises ValueError for content that does not have the provider's form.
        """
        ...


@runtime_checkable
class Pushing(Protocol):
    """A channel to the browsers of accounts."""

    def use(self, devices: PushDevices) -> None:
        """Send to these browsers from now on."""
        ...

    def application_key(self) -> str:
        """Return the public key with which a browser subscribes, in base64url."""
        ...

    def check(self, endpoint: str) -> None:
        """Raise ChannelError for an address to which the channel sends nothing."""
        ...


@runtime_checkable
class Connected(Protocol):
    """A channel with a connection or a process that ends with the service."""

    def close(self) -> None:
        """End the connection."""
        ...


@runtime_checkable
class Selective(Protocol):
    """A channel that receives a choice of notices, whether they page or not."""

    def accepts(self, kind: str, body: Mapping[str, Any], *, pages: bool) -> bool:
        """Return whether the channel receives a notice of this type with this body."""
        ...
