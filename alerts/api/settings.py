"""Settings of the HTTP interface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval, Unit, doc


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Address and bounds of the HTTP interface."""

    host: Annotated[
        str, doc("address to listen on; any other than loopback needs certificate and key, proxies or plain")
    ] = "127.0.0.1"
    port: Annotated[int, Interval(ge=1, le=65_535), doc("port to listen on")] = 8080
    certificate: Annotated[str, doc("TLS certificate with its chain (PEM), as `twinward certificate` writes it")] = ""
    key: Annotated[str, doc("private key of the certificate (PEM, mode 0600)")] = ""
    proxies: Annotated[
        tuple[str, ...],
        doc("addresses or networks of TLS proxies; forwarded headers count from them only, other peers are refused"),
    ] = ()
    plain: Annotated[bool, doc("allow HTTP without TLS off this machine; the console and `doctor` report it")] = False
    body_bytes_max: Annotated[int, Interval(ge=1_024, le=67_108_864), Unit("B"), doc("largest request body")] = (
        1_048_576
    )
    picture_bytes_max: Annotated[
        int, Interval(ge=1_024, le=67_108_864), Unit("B"), doc("largest picture of a plan")
    ] = 16_777_216
    heartbeat_s: Annotated[float, Interval(ge=0.1, le=5), Unit("s"), doc("longest pause of the live stream")] = 2.0
    listeners_max: Annotated[int, Interval(ge=1, le=10_000), doc("concurrent live streams")] = 200
    account_listeners_max: Annotated[
        int, Interval(ge=1, le=10_000), doc("concurrent live streams of one account; a further one gets 429")
    ] = 20
    connections_max: Annotated[int, Interval(ge=16, le=768), doc("open connections")] = 384
    connections_per_address: Annotated[
        int, Interval(ge=4, le=768), doc("open connections of one address, or of one IPv6 network of 64 bits")
    ] = 128
    requests_per_s: Annotated[
        int, Interval(ge=1, le=10_000), Unit("1/s"), doc("requests of one token or address, over 6 s; 429 beyond")
    ] = 50
    reads_max: Annotated[int, Interval(ge=1, le=32), doc("reads that run at the same time; others wait")] = 4
    reads_per_caller: Annotated[
        int, Interval(ge=1, le=32), doc("the same for one token or address; 16 wait, 429 beyond")
    ] = 2
    metrics_open: Annotated[bool, doc("whether /metrics requires no token")] = True
