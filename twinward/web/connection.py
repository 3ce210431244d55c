"""HTTP/1.1 connection with time limits: ends when its client sends or reads too slowly."""

from __future__ import annotations

import asyncio
from enum import Enum, auto

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HANDSHAKE_S, HEAD_S, BODY_S = 10.0, 10.0, 30.0
"""Time for the handshake of TLS, for the head of a request (since the last answer), and for its body."""
PROGRESS_S, PROGRESS_BYTES = 15.0, 16_384
"""A client with waiting output must take this much in this time."""


class _Phase(Enum):
    HEAD = auto()
    BODY = auto()
    ANSWER = auto()


LIMIT_S = {_Phase.HEAD: HEAD_S, _Phase.BODY: BODY_S}


class TimedConnection(H11Protocol):
    """uvicorn's protocol with `check`, which the server calls once a second.

    uvicorn itself only bounds the pause between two requests.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time of the first request."""
        super().connection_made(transport)
        self._entered: tuple[_Phase, RequestResponseCycle | None] = (_Phase.HEAD, None)
        self._entered_s = self._progress_s = self.loop.time()
        self._waiting_bytes = 0

    def check(self, now_s: float) -> bool:
        """Abort the connection if its client is too slow, and return whether it is; now_s: time of the event loop."""
        present = (self._phase(), self.cycle)
        if present != self._entered:
            self._entered, self._entered_s = present, now_s
        limit_s = LIMIT_S.get(present[0])
        waits = self.transport.get_write_buffer_size() > 0
        late = limit_s is not None and not waits and now_s - self._entered_s > limit_s
        slow = self._stuck(now_s) or late
        if slow:
            self.transport.abort()
        return slow

    def _phase(self) -> _Phase:
        if self.cycle is None or self.cycle.response_complete:
            return _Phase.HEAD
        return _Phase.BODY if self.cycle.more_body else _Phase.ANSWER

    def _stuck(self, now_s: float) -> bool:
        """Return whether the client takes too little of the waiting output.

        A buffer that grew was emptied before: the application writes only below a mark. The small events of a live
        stream are no such growth.
        """
        waiting = self.transport.get_write_buffer_size()
        if not waiting or abs(waiting - self._waiting_bytes) >= PROGRESS_BYTES:
            self._waiting_bytes, self._progress_s = waiting, now_s
        return now_s - self._progress_s > PROGRESS_S
