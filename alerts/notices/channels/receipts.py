"""Receipts from the statuses of HTTP responses."""

from __future__ import annotations

from alerts.model import Receipt

RETRIED = frozenset((408, 409, 425, 429))
"""Statuses below 500 after which another attempt may succeed."""


def http_receipt(status: int) -> Receipt:
    """Return the receipt: 2xx delivers; 5xx, redirects and RETRIED are retried; any other status is permanent."""
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's success codes
        return Receipt(delivered=True)
    retry = status >= 500 or status in RETRIED or 300 <= status < 400  # noqa: PLR2004 - as above
    return Receipt(delivered=False, retry=retry, error=f"HTTP {status}")
