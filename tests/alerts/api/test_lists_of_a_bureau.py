"""Lists over many schools: statements of a page do not grow with them, pages leave nothing out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from alerts import Actor, Page, open_database
from alerts.database import journal, schema
from alerts.orders import HAZARD_ORDER
from alerts.people import accounts
from alerts.people.accounts import ACCOUNT_ORDER
from twinward.bench.bureau import Bureau
from twinward.bench.bureau_cost import Cost
from twinward.bench.bureau_requests import ADMIN, BUREAU
from twinward.bench.bureau_rows import load
from twinward.bench.bureau_size import Size, site_of

NOW_NS = 1_796_000_000_000_000_000
HALVINGS = 4
"""More steps of the search for a day in the journal, which halves it, with three times the entries."""
CITY = Actor("city", frozenset(("city",)))
OFFICER = Actor("officer", frozenset(("officer",)))


class Opened:
    """A bureau over an empty database, with the cost of its requests."""

    def __init__(self, url: str, schools: int) -> None:
        self.engine = open_database(url)
        size = Size.of(schools)
        load(self.engine, size, NOW_NS, lambda _text: None)
        self.bureau, self.cost = Bureau(self.engine, size, NOW_NS), Cost(self.engine)

    def get(self, account: str, path: str) -> Any:
        """Return the JSON body of a response."""
        return asyncio.run(self._get(account, path))

    async def _get(self, account: str, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.bureau.tokens[account]}"}
        transport = httpx.ASGITransport(self.bureau.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            answer = await client.get(f"/api/v1/{path}")
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    def statements(self, account: str, path: str) -> int:
        """Return the number of statements of a request whose rosters and coverage were read before."""
        self.get(account, path)
        before = self.cost.now().statements
        self.get(account, path)
        return self.cost.now().statements - before


@pytest.fixture
def opened(databases: Any) -> Iterator[Any]:
    """Return a function that opens a bureau of some schools."""
    made = list[Opened]()

    def make(schools: int) -> Opened:
        made.append(Opened(databases.acquire(), schools))
        return made[-1]

    yield make
    for one in made:
        one.engine.dispose()


def test_the_statements_of_a_page_do_not_grow_with_the_schools(opened: Any) -> None:
    """Each list of a bureau and of an administrator costs seven schools as many statements as two."""
    few, many = opened(2), opened(7)
    requests = [*(("city", path) for path in BUREAU), *(("admin", path) for path in ADMIN)]
    found = {request: (few.statements(*request), many.statements(*request)) for request in requests}
    grown = {request: most - least for request, (least, most) in found.items() if least != most}
    halved = [grown.pop(request, 0) for request in found if request[1].startswith("supervision/")]
    assert grown == {}
    assert max(halved) <= HALVINGS


def test_the_statements_of_a_past_map_do_not_grow_with_its_hazards(opened: Any) -> None:
    """The map as of a day with more hazards costs as many statements as the map as of a day with fewer."""
    one = opened(1)
    paths = [f"risk-map?site={site_of(0)}&at={day}" for day in ("2025-12-20T00:00:00Z", "2026-11-20T00:00:00Z")]
    assert one.statements("officer", paths[0]) == one.statements("officer", paths[1])


def test_pages_of_sensors_have_every_match_once(opened: Any) -> None:
    """Pages of any size have the sensors that pass the filters, by site and id, and the number of all of them."""
    one = opened(3)
    with one.engine.begin() as connection:
        connection.execute(schema.ignored.insert().values(site=site_of(1), sensor="smoke-3", reason="shop"))
    every = sorted((sensor.site, sensor.id) for sensor in one.bureau.catalog if not sensor.site.startswith("_"))
    wanted = {
        "": every,
        "&q=SMOKE-1": [key for key in every if key[1].startswith("smoke-1")],
        "&ignored=true": [(site_of(1), "smoke-3")],
        "&assigned=false": [],
        f"&site={site_of(2)}": [key for key in every if key[0] == site_of(2)],
    }
    for filters, expected in wanted.items():
        for limit in (1, 5, 12, 13, 1_000):
            found = list[tuple[str, str]]()
            cursor: str | None = ""
            while cursor is not None:
                page = one.get("city", f"sensors?limit={limit}&cursor={cursor}{filters}")
                assert page["total"] == len(expected)
                found += [(item["site"], item["id"]) for item in page["items"]]
                cursor = page["next"]
            assert found == expected, (filters, limit)


def test_pages_of_hazards_are_in_their_order_and_found_by_its_index(opened: Any) -> None:
    """Pages of each state have the hazards of a plain sort; the database reads them from the index of the order."""
    one, own = opened(2), schema.hazards
    with one.engine.begin() as connection:
        names = connection.scalars(select(own.c.id).order_by(own.c.id)).all()
        connection.execute(update(own).where(own.c.id.in_(names[::3])).values(active=False, cleared_ns=NOW_NS))
        rows = connection.execute(select(own)).all()
    every = sorted(
        rows,
        key=lambda row: (not row.active, row.acknowledged_by is not None, row.grade, -row.opened_ns, row.id),
    )
    ended = [row.id for row in every if not row.active and row.acknowledged_by is not None]
    assert 3 < len(ended) < len(every) - 3
    wanted = {"all": [row.id for row in every], "normal": ended, "open": [row.id for row in every][: -len(ended)]}
    for state, expected in wanted.items():
        for limit in (7, 1_000):
            found, cursor = list[str](), ""
            while cursor is not None:
                page = one.get("city", f"hazards?state={state}&limit={limit}&cursor={cursor}")
                found += [item["id"] for item in page["items"]]
                cursor = page["next"]
            assert found == expected, (state, limit)
    with one.engine.connect() as connection:
        listed = HAZARD_ORDER.page(select(own), Page(10)).compile(connection, compile_kwargs={"literal_binds": True})
        sqlite = connection.dialect.name == "sqlite"
        if not sqlite:  # a small table is sorted otherwise
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        plan = connection.exec_driver_sql(f"EXPLAIN {'QUERY PLAN ' if sqlite else ''}{listed}").all()
    assert "hazard_by_standing" in str(plan)
    assert "SORT" not in str(plan).upper()
    assert "TEMP B-TREE" not in str(plan)


def test_the_numbers_of_gaps_are_those_of_the_gaps_of_each_school(opened: Any) -> None:
    """The counts of many schools group equal tickets; they have one gap for each ticket without an able account."""
    one, own = opened(3), schema.tickets
    with one.engine.begin() as connection:
        names = connection.scalars(select(own.c.id).order_by(own.c.id)).all()
        connection.execute(update(own).where(own.c.id.in_(names[:40])).values(fixer="nobody", acceptor="nobody"))
        connection.execute(update(own).where(own.c.id.in_(names[20:60])).values(acceptor="officer"))
        connection.execute(update(own).where(own.c.id.in_(names[30:50])).values(state="observing"))
    sites, posts = [site_of(number) for number in range(3)], one.bureau.dispatch.posts
    found = {site: posts.of_site(OFFICER, site) for site in sites}
    assert posts.counts(sites) == {site: (len(held), len(gaps)) for site, (held, gaps) in found.items()}
    assert sum(gap.kind == "ticket" for _, gaps in found.values() for gap in gaps) > 100


def test_pages_of_accounts_have_those_that_share_a_site(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A school sees its accounts and those of all sites, a bureau all; a page may need several statements."""
    monkeypatch.setattr(accounts, "CHUNK", 2)
    people = accounts.People(opened(3).engine, lambda: NOW_NS)
    for actor in (CITY, Actor("officer", frozenset(("officer",)), frozenset((site_of(1),)))):
        expected = [
            one.username for one in people.accounts() if not actor.sites or not one.sites or actor.sites & one.sites
        ]
        assert 3 < len(expected) <= 12
        for limit in (1, 2, 5, 100):
            found, cursor = list[str](), ""
            while page := people.page(actor, Page(limit, cursor)):
                found += [one.username for one in page]
                cursor = ACCOUNT_ORDER.cursor(page[-1])
            assert found == expected, (actor.username, limit)


def test_pages_of_supervised_schools_follow_the_order_and_the_search(opened: Any) -> None:
    """Every order and search yields each match once, over pages of any size; the sums are those of all schools."""
    one = opened(7)
    whole = one.get("city", "supervision/schools")
    figures = {item["site"]: item for item in whole["items"]}
    assert len(figures) == 7
    keys: dict[str, Callable[[Any], int]] = {"site": lambda _item: 0, "rank": lambda item: item["rank"] or 0}
    for name in ("overdue", "open", "found"):
        keys[name] = _most_first(name)
    for sort, first in keys.items():
        for search, named in (("", figures), ("&q=Ool-0003", [site_of(3)]), ("&q=nothing", [])):
            expected = sorted(named, key=lambda site, first=first: (first(figures[site]), site))
            for limit in (1, 3, 7):
                found = list[str]()
                cursor: str | None = ""
                while cursor is not None:
                    page = one.get("city", f"supervision/schools?sort={sort}&limit={limit}&cursor={cursor}{search}")
                    found += [item["site"] for item in page["items"]]
                    assert (page["schools"], page["total"]) == (7, whole["total"])
                    cursor = page["next"]
                assert found == expected, (sort, search, limit)
    few = one.get("city", "supervision/schools?missing=true")
    assert [item["site"] for item in few["items"]] == [s for s in figures if figures[s]["reports"] != "usual"]
    assert few["missing"] == len(few["items"]) == whole["missing"]


def _most_first(name: str) -> Callable[[Any], int]:
    return lambda item: -int(item["counts"][name])


def test_repeat_offenders_are_those_of_a_count_by_hand(opened: Any) -> None:
    """Dangers and relapses of a place and cause add up; false reports and duplicates do not count."""
    one = opened(2)
    own, tickets = schema.dangers.c, schema.tickets
    with one.engine.begin() as connection:
        names = connection.scalars(select(own.id).order_by(own.id)).all()
        connection.execute(update(tickets).where(tickets.c.danger.in_(names[:9])).values(relapses=3))
        connection.execute(update(tickets).where(tickets.c.danger.in_(names[6:30])).values(state="false_report"))
        connection.execute(update(schema.dangers).where(own.id.in_(names[30:40])).values(merged_into=names[50]))
        rows = connection.execute(
            select(schema.dangers, tickets.c.relapses, tickets.c.state).join(tickets, tickets.c.danger == own.id)
        ).all()
    since_ns, number, relapses = NOW_NS - 200 * 86_400_000_000_000, Counter[Any](), Counter[Any]()
    for row in rows:
        if row.found_ns >= since_ns and row.merged_into is None and row.state != "false_report":
            number[row.site, row.place, row.cause] += 1
            relapses[row.site, row.place, row.cause] += row.relapses
    expected = {key: (count, relapses[key]) for key, count in number.items() if count + relapses[key] > 1}
    found = one.bureau.dispatch.danger_queries.offenders(CITY, site=None, since_ns=since_ns)
    assert {(at.site, at.place, at.cause): (at.dangers, at.relapses) for at in found} == expected
    assert any(count for count in relapses.values())


def test_entries_of_several_subjects_are_those_of_each(opened: Any) -> None:
    """One statement returns what a statement for each subject returns; an unknown subject has no entry."""
    with opened(1).engine.connect() as connection:
        names = [*connection.scalars(select(schema.tickets.c.id).limit(5)), "unknown"]
        assert journal.read_all(connection, names) == {name: journal.read(connection, subject=name) for name in names}
