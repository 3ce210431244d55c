"""Schemas of the first set-up: administrator, school, broker, device account."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from .fields import Body, Username
from .plans import Named

SiteKind = Literal["kindergarten", "primary", "middle", "boarding"]
_Clock = Annotated[str, Field(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["06:00"])]
_Date = Annotated[str, Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$", examples=["2026-10-01"])]
_SiteId = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", examples=["school-1"])]


class FirstAdministrator(BaseModel, extra="forbid"):
    """The first account. code: from the link that the service prints at its first start."""

    code: Annotated[str, Field(max_length=128, examples=["kQ2v0mS4n7p1yXb8"])]
    username: Annotated[str, Field(max_length=64, examples=["admin"])]
    password: Annotated[str, Field(max_length=1_024, examples=["a long password"])]


class School(BaseModel, extra="forbid"):
    """A school with its calendar. weekend: whether it is open at weekends."""

    id: _SiteId
    name: Named
    kind: SiteKind
    timezone: Annotated[str, Field(max_length=64, examples=["Asia/Shanghai"])] = "Asia/Shanghai"
    opens: _Clock = "06:00"
    closes: _Clock = "22:30"
    weekend: bool = False
    holidays: Annotated[list[_Date], Field(max_length=400)] = []


class BrokerChoice(BaseModel, extra="forbid"):
    """Broker of the school. embedded: one on this machine, on `host`; the other fields belong to an existing one."""

    embedded: bool
    host: Annotated[
        str,
        Field(
            max_length=15,
            pattern=r"^[0-9.]+$",
            description="IPv4 address of the embedded broker: 127.0.0.1, 0.0.0.0 for every one, or one of this machine",
            examples=["127.0.0.1"],
        ),
    ] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535, description="of the embedded broker", examples=[1883])] = 1883
    url: Annotated[str, Field(max_length=256, examples=["mqtts://broker.school:8883"])] = ""
    username: Annotated[str, Field(max_length=256, examples=["twinward"])] = ""
    password: Annotated[str, Field(max_length=1_024, examples=["secret"])] = ""
    authority: Annotated[
        str, Field(max_length=100_000, description="certificate authority (PEM) of the broker, empty for the system's")
    ] = ""


class DeviceToAdd(BaseModel, extra="forbid"):
    """Account of a device at the embedded broker. name: of the account and of its sensor."""

    site: Annotated[str, Field(max_length=64, examples=["school-1"])]
    name: Annotated[str, Field(max_length=64, examples=["smoke-1"])]


class BrokerState(Body):
    """Broker of the service. fixed: a configuration file that a person wrote names it."""

    mode: Literal["none", "embedded", "external"]
    url: Annotated[str, Field(examples=["mqtt://127.0.0.1:1883"])]
    connected: bool
    fixed: bool
    mosquitto: Annotated[bool, Field(description="whether an embedded broker can start here")]
    host: Annotated[str, Field(description="address of the embedded broker", examples=["127.0.0.1"])]
    network: Annotated[str, Field(description="address by which devices reach this machine", examples=["10.0.8.4"])]
    fault: Annotated[
        str, Field(description="reason why the last chosen broker was given up for the former one, empty for none")
    ]


class BrokerTest(Body):
    """Result of a test. problem: empty if the broker accepts the service."""

    problem: Annotated[str, Field(examples=["the broker refused the account: Not authorized"])]


class SetUpState(Body):
    """State of the set-up."""

    broker: BrokerState


class DeviceAccount(Body):
    """Account of a device; its password is shown once."""

    username: Username
    password: Annotated[str, Field(examples=["x3Rk9"])]
    topic: Annotated[str, Field(description="of its messages", examples=["campus/school-1/{kind}/smoke-1"])]
    url: Annotated[str, Field(examples=["mqtt://127.0.0.1:1883"])]
