"""Cursor paging over HTTP: stable under inserts, opaque, and with a constant number of statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from alerts import Invalid, Page
from alerts.database import keyset
from detectors import Phase

LISTS = ("hazards", "tickets", "detections", "notices", "audit", "sensors", "sites", "zones", "users", "clocks")
KEYS = st.lists(
    st.one_of(st.integers(-(2**63) + 1, 2**63 - 1), st.text(st.characters(codec="utf-8", exclude_characters="\0")))
)


@pytest.fixture
def raise_alarms(office: Any, seen: Any) -> Callable[[range], None]:
    """A function that raises one alarm for each number, each at its own place and time."""

    def feed(numbers: range) -> None:
        for number in numbers:
            office.world.feed(seen(Phase.RAISE, sensor=f"s-{number:03d}", at_s=number // 3))

    return feed


@pytest.fixture
def statements(office: Any) -> Iterator[list[str]]:
    """The SELECT statements of the alert database, without those of the live stream's own thread."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: object) -> None:
        if statement.startswith("SELECT") and "journal.seq >" not in statement:
            found.append(statement)

    event.listen(office.world.engine, "before_cursor_execute", note)
    yield found
    event.remove(office.world.engine, "before_cursor_execute", note)


def pages(client: httpx.Client, path: str, limit: int, between: Callable[[], None] = lambda: None) -> list[list[Any]]:
    """Return all pages of a list; `between` runs after the first."""
    found, cursor = [], ""
    while True:
        answer = client.get(path, params={"limit": limit, "cursor": cursor})
        assert answer.status_code == 200, answer.text
        found.append(answer.json()["items"])
        cursor = answer.json()["next"]
        if cursor is None:
            return found
        if len(found) == 1:
            between()


def key(item: dict[str, Any]) -> tuple[Any, ...]:
    """Return the identity of a list item."""
    identity = item.get("id") or item.get("seq") or item.get("sensor") or item.get("username")
    return item.get("site"), identity


@pytest.mark.parametrize("path", LISTS)
def test_pages_join_to_the_whole_list(office: Any, raise_alarms: Any, path: str) -> None:
    """Same rows, same order, no row twice; each page but the last is full."""
    raise_alarms(range(7))
    client = office.sign_in("admin")
    whole = client.get(path).json()["items"]
    parts = pages(client, path, 2)
    assert [key(item) for part in parts for item in part] == [key(item) for item in whole]
    assert all(len(part) == 2 for part in parts[:-1])


@pytest.mark.parametrize("path", ["hazards", "tickets", "detections", "notices", "audit"])
def test_rows_inserted_meanwhile_neither_repeat_nor_hide_others(office: Any, raise_alarms: Any, path: str) -> None:
    """All rows that existed before the first page come exactly once."""
    raise_alarms(range(9))
    client = office.sign_in("admin")
    before = [key(item) for item in client.get(path).json()["items"]]
    parts = pages(client, path, 4, between=lambda: raise_alarms(range(9, 14)))
    found = [key(item) for part in parts for item in part]
    assert [identity for identity in found if identity in before] == before
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("path", ["hazards", "tickets", "detections", "notices", "audit"])
def test_number_of_statements_is_independent_of_rows(
    office: Any, raise_alarms: Any, statements: list[str], path: str
) -> None:
    """One row and fifty rows take the same statements."""
    raise_alarms(range(50))
    client = office.sign_in("admin")
    counts = []
    for limit in (1, 50):
        client.get("me")
        statements.clear()
        assert len(client.get(path, params={"limit": limit}).json()["items"]) == limit
        counts.append(len(statements))
    assert counts[0] == counts[1] < 10


@pytest.mark.parametrize("path", [*LISTS, "quarantine", "risk-points"])
@pytest.mark.parametrize("cursor", ["1", "abc", keyset.encode("other", (1,)), keyset.encode("hazards", ("x",) * 5)])
def test_foreign_cursor_is_an_invalid_field(office: Any, path: str, cursor: str) -> None:
    """422 with the path of the field."""
    answer = office.sign_in("admin").get(path, params={"cursor": cursor})
    assert answer.status_code == 422
    assert [row["path"] for row in answer.json()["errors"]] == ["cursor"]


def test_quarantine_of_a_site_is_cut_in_the_query(office: Any) -> None:
    """Messages of other sites do not shorten a page."""
    template = {"arrival_ns": 10**18, "format": "campus", "topic": "t", "reason": "json", "detail": "", "payload": b"{"}
    office.telemetry.quarantined = [
        template | {"id": number, "replayable": True, "site": "school-1" if number % 4 == 0 else "school-2"}
        for number in range(1, 41)
    ]
    parts = pages(office.sign_in("officer"), "quarantine", 4)
    assert [[item["id"] for item in part] for part in parts] == [[40, 36, 32, 28], [24, 20, 16, 12], [8, 4]]
    assert office.sign_in("officer").get("quarantine", params={"site": "school-2"}).json()["items"] == []


@given(values=KEYS)
def test_cursor_round_trips_any_key(values: list[int | str]) -> None:
    """Decoding an encoded key returns the key; the cursor needs no escaping in an address."""
    cursor = keyset.encode("list", values)
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert list(keyset.decode("list", cursor, [type(value) for value in values])) == values


@given(text=st.text(st.characters(codec="ascii")))
def test_any_other_text_is_rejected(text: str) -> None:
    """Decoding raises Invalid for text that is not a cursor."""
    with pytest.raises(Invalid):
        keyset.decode("list", text, (int,))


@given(rows=st.sets(st.tuples(st.integers(), st.text(max_size=3))), limit=st.integers(1, 5))
def test_pages_in_memory_join_to_the_sorted_rows(rows: set[tuple[int, str]], limit: int) -> None:
    """The same property for lists that no database holds."""
    small = {(number % 2**62, text.replace("\0", "")) for number, text in rows}
    found: list[tuple[int, str]] = []
    cursor = ""
    while part := keyset.part("rows", small, Page(limit, cursor), key=lambda row: row, types=(int, str)):
        found += part
        cursor = keyset.encode("rows", part[-1])
    assert found == sorted(small)
