"""ASGI middleware: address and scheme of a client behind a named TLS proxy."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from .problem import problem
from .settings import HttpSettings
from .transport import address, networks, transport


class TrustedProxies:
    """Replaces the peer by the forwarded client, for peers that the settings name as proxies.

    The client is the last forwarded address that is no proxy: a client can only prepend others. With the transport
    `proxy`, any other peer off this machine gets 403, because its connection has no TLS.
    """

    def __init__(self, app: ASGIApp, *, settings: HttpSettings) -> None:
        self._app, self._networks = app, networks(settings.proxies)
        self._exclusive = transport(settings) == "proxy"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host, port = scope["client"] or ("", 0)
        if self._trusts(host):
            scope = {**scope, "client": (self._client(scope) or host, port), "scheme": _scheme(scope)}
        elif self._exclusive and not _local(host):
            detail, zh = "this address accepts the proxies of http.proxies only", "此地址仅接受 http.proxies 中的代理"
            await problem(403, detail, zh=zh)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _trusts(self, host: str) -> bool:
        found = address(host)
        return found is not None and any(found in network for network in self._networks)

    def _client(self, scope: Scope) -> str:
        """Return the last forwarded address that is no proxy; "" without one."""
        forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        for text in reversed(forwarded.decode("latin-1").split(",")):
            found = address(text.strip())
            if found is None:
                return ""
            if not self._trusts(str(found)):
                return str(found)
        return ""


def _scheme(scope: Scope) -> str:
    values = [value for name, value in scope["headers"] if name == b"x-forwarded-proto"]
    given = values[-1].decode("latin-1").strip().lower() if values else ""
    return given if given in {"http", "https"} else str(scope["scheme"])


def _local(host: str) -> bool:
    found = address(host)
    return found is not None and found.is_loopback
