"""Texts of pages to persons: a whole one-time link, broken foreign links, a code."""

from __future__ import annotations

from typing import Any

from alerts import Notice
from alerts.notices.channels.people import text
from alerts.notices.digests import grouped

LINK = "https://alarm.school.example/take/0123456789abcdef01234567t1abcd.ABCDEFGHIJKLMNOP"


def page(number: int = 0, **body: Any) -> Notice:
    """Return a page."""
    words = {"zh": "烟雾", "en": "see https://evil.example/x"}
    whole = {"grade": "orange", "text": words} | body
    return Notice.pending(f"msg_{number}", channel="sms", type="hazard.opened", body=whole, at_ns=1)


def test_the_link_of_the_service_stays_a_link() -> None:
    """Link and code are lines of their own; a link in a device's text is none."""
    lines = text(page(reply={"link": LINK, "code": "4 4711"})).splitlines()
    assert any(line.endswith(LINK) for line in lines)
    assert any(line.endswith("4 4711") for line in lines)
    assert "https://evil.example" not in "\n".join(lines)
    assert len(text(page()).splitlines()) == 3


def test_pages_to_addresses_are_never_a_digest() -> None:
    """A digest has one receiver; four pages to four numbers stay four messages."""
    own = [page(number, to={"address": f"+86{number}"}) for number in range(4)]
    assert [len(group) for group in grouped(own, digests=True)] == [1, 1, 1, 1]
    shared = [page(number, to={"address": ""}) for number in range(4)]
    assert [len(group) for group in grouped(shared, digests=True)] == [4]
