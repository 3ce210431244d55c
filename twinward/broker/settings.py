"""Settings of the embedded broker, and the folder of an external broker's accounts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Interval, doc


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Embedded broker, and the accounts of an external one."""

    embedded: Annotated[bool, doc("start an embedded broker on this machine")] = False
    host: Annotated[
        str, doc("IPv4 address of the embedded broker's plain port; off loopback, passwords of devices are readable")
    ] = "127.0.0.1"
    port: Annotated[int, Interval(ge=1, le=65_535), doc("plain port of the embedded broker")] = 1883
    tls_port: Annotated[
        int, Interval(ge=0, le=65_535), doc("TLS port of the embedded broker on every address; 0 for none")
    ] = 0
    certificate_file: Annotated[Path | None, doc("certificate of the TLS port, PEM")] = None
    key_file: Annotated[Path | None, doc("private key (mode 0600) of the TLS port, PEM")] = None
    accounts_dir: Annotated[
        Path | None, doc("folder of an external broker's accounts, for `twinward devices`; not for the embedded broker")
    ] = None
