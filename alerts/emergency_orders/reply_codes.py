"""Codes by which persons confirm the receipt of an order by SMS, and the rate limit of such replies."""

from __future__ import annotations

import re
from collections.abc import Sequence

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from sqlalchemy import Connection, select

from alerts.database import rows
from alerts.database.schema import emergency_orders
from alerts.escalations.acknowledgements import REPLY_LENGTH_MAX, TAKE, plain_number
from alerts.model import EmergencyOrder, identity

CODE_DIGITS = 5
"""One digit more than the code of an alarm: no reply fits both."""
ENDED_NS = 86_400_000_000_000
"""Time after its all-clear in which a reply to an order is refused by its name, and recorded."""
LISTED_MAX = 200
A_MINUTE, REFUSED_A_MINUTE = 6, 60
"""Replies of one number; recorded refusals of all numbers."""
_REPLY = re.compile(rf"\s*{TAKE}\s*[-:,. ]?\s*(\d{{{CODE_DIGITS}}})\s*", re.ASCII)


def order_code(order: str) -> str:
    """Return the code of an order, from its id: the same from memory, after a repeat and after a restart."""
    return f"{int(identity('order code', order), 16) % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


def code_of(text: str) -> str:
    """Return the code of a reply to an order, "" for another text."""
    found = _REPLY.fullmatch(text[:REPLY_LENGTH_MAX])
    return found[1] if found else ""


def with_code(connection: Connection, code: str, now_ns: int) -> Sequence[EmergencyOrder]:
    """Return the orders with a code: those in force, then those that ended within a day, the newest first."""
    own = emergency_orders.c
    known = (own.state == "active") | (own.ended_ns >= now_ns - ENDED_NS)
    query = select(emergency_orders).where(known).order_by(own.state, own.ordered_ns.desc()).limit(LISTED_MAX)
    return [rows.record(EmergencyOrder, row) for row in connection.execute(query) if order_code(row.id) == code]


class ReplyLimiter:
    """Bounds the replies of one number, and the refusals that are recorded. Several threads may use it."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._reply, self._refusal = RateLimitItemPerMinute(A_MINUTE), RateLimitItemPerMinute(REFUSED_A_MINUTE)

    def permits(self, sender: str) -> bool:
        """Count a reply; return whether its number has sent at most A_MINUTE within a minute."""
        return self._limiter.hit(self._reply, "number", plain_number(sender) or "none")

    def records(self) -> bool:
        """Count a refusal; return whether it is recorded."""
        return self._limiter.hit(self._refusal, "refusals")
