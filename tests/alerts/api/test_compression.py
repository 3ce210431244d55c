"""Compressed responses: lists by gzip, the console as its build compressed it, the live stream never."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from alerts.api import pages
from detectors import Phase

RECORDS = ("FROM hazards", "FROM tickets", "FROM findings", "FROM dangers", "danger_hazards")
"""Parts of the statements on the records of a page; the session and the live stream have their own."""


def test_lists_and_the_console_are_compressed(
    office: Any, seen: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client gets what it accepts, with the same content."""
    office.world.feed(*(seen(Phase.RAISE, sensor=f"smoke-{n}") for n in range(10)))
    client = office.sign_in("officer")
    plain = client.get("/hazards", headers={"Accept-Encoding": "identity"})
    packed = client.get("/hazards", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 4
    assert packed.json() == plain.json()
    with client.stream("GET", "/events", headers={"Accept-Encoding": "gzip"}) as stream:
        assert "content-encoding" not in stream.headers
    (tmp_path / "assets").mkdir()
    for name, content in (("index.html", b"page"), ("assets/a.js", b"script"), ("assets/a.js.br", b"packed")):
        (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(pages, "CONSOLE", tmp_path)
    for accepted, content in (("gzip, deflate, br", b"packed"), ("identity", b"script")):
        with client.stream("GET", f"{office.url}/assets/a.js", headers={"Accept-Encoding": accepted}) as answer:
            assert b"".join(answer.iter_raw()) == content
            assert answer.headers["content-type"].startswith("text/javascript")
            assert answer.headers.get("content-encoding", "") == ("br" if content == b"packed" else "")


def test_a_page_of_a_list_takes_a_fixed_number_of_statements(office: Any, seen: Any) -> None:
    """The statements of a page of hazards or tickets do not depend on its rows."""
    client, counts, statements = office.sign_in("officer"), list[int](), list[str]()
    event.listen(office.world.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    for number in (2, 30):
        office.world.feed(*(seen(Phase.RAISE, sensor=f"smoke-{number}-{n}", at_s=number) for n in range(number)))
        for path in ("/hazards", "/tickets"):
            client.get(path)
            statements.clear()
            assert len(client.get(path).json()["items"]) >= number
            counts.append(len([one for one in statements if any(table in one for table in RECORDS)]))
    assert counts[:2] == counts[2:]
