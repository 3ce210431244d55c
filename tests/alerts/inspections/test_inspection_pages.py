"""Pages of the list of inspections over several sites."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, insert

from alerts import Actor, Page
from alerts.database import schema
from alerts.inspections.pages import INSPECTION_ORDER, listed_page

CITY = Actor("city", frozenset(("city",)))
OFFICER = Actor("officer", frozenset(("officer",)), frozenset(("school-1",)))


def _row(site: str, name: str, begin_ns: int) -> dict[str, Any]:
    return {
        "site": site, "id": name, "kind": "weekly", "plan": "", "name": {"zh": "检查", "en": "Inspection"}, "post": "",
        "state": "done", "begin_ns": begin_ns, "end_ns": begin_ns + 1, "route": [], "left_off": 0, "proofs": {},
        "created_by": "officer", "created_ns": begin_ns, "version": 1,
    }  # fmt: skip


def test_pages_over_sites_hold_every_inspection_in_scope_once(engine: Engine) -> None:
    """Two schools have inspections of one id and one time; a page of one row loses none, and the scope holds."""
    made = [_row(site, f"i-{number}", 10 + number // 2) for site in ("school-1", "school-2") for number in range(4)]
    with engine.begin() as connection:
        connection.execute(insert(schema.inspections), made)
    for actor, sites in ((CITY, {"school-1", "school-2"}), (OFFICER, {"school-1"})):
        found, cursor = list[tuple[int, str, str]](), ""
        options: dict[str, Any] = {"site": None, "state": "done", "kind": "weekly"}
        while rows := listed_page(engine, actor, Page(1, cursor), **options):
            found += [(-one.begin_ns, one.site, one.id) for one in rows]
            cursor = INSPECTION_ORDER.cursor(rows[-1])
        assert found == sorted((-row["begin_ns"], row["site"], row["id"]) for row in made if row["site"] in sites)
    assert not listed_page(engine, OFFICER, Page(9), site="school-2", state=None, kind=None)
