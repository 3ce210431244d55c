"""Generated access test: each operation of the document x each role x each site, by the access table."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from alerts import OPERATIONS, ROLES, Actor, Page, loop
from alerts.cameras.camera_file import Camera
from alerts.dangers.photos import Sent
from alerts.documents import archives
from alerts.inspections.store import Wanted as Walk
from alerts.people.access import PUBLIC, ROUTES
from alerts.silences.checks import Wanted
from detectors import Phase
from tests.alerts.notices.channels.browsers import Browser
from tests.alerts.plans.drawn import picture
from tests.application import document

PASSWORD = "long enough for a test"
PREFIX = "/api/v1"
DOCUMENT = document()["paths"]
ROUTES_OF_DOCUMENT = [
    (method.upper(), path.removeprefix(PREFIX))
    for path in DOCUMENT
    if path.startswith(PREFIX)
    for method in DOCUMENT[path]
]
OPEN = {"/healthz", "/readyz", "/metrics"}
NAMES_SITE_IN_BODY = {
    ("POST", "/hazards/acknowledgements"),
    ("POST", "/handovers"),
    ("POST", "/displays"),
    ("POST", "/dangers"),
    ("POST", "/emergency-orders"),
    ("POST", "/users"),
    ("POST", "/sensors/places"),
    ("POST", "/setup/devices"),
    ("POST", "/quarantine/replay"),
}
"""Their foreign site is an argument, not an object: 403 or 404, which both reveal nothing."""
OF_NO_SITE = {"/detectors/{rule}"}
"""Their objects belong to the installation; everyone with the operation sees them."""
PLAN_ROWS = ("floors", "zones", "places", "sensors")
PICTURE = picture()
BOSS = Actor("boss", frozenset(("admin",)))
ROSTER = {
    "person": [{"id": "li", "contacts": {"sms": "+8613800000000"}}],
    "chain": [{"id": "all", "steps": [{"persons": ["li"]}]}],
}
ACTIONS = {
    "/tickets/{ticket_id}/actions/{action}": sorted(loop().steps),
    "/emergency-orders/{order_id}/actions/{action}": ["clear", "keep"],
}


class Objects:
    """One object of each kind at a site, new ones where an operation uses them up."""

    def __init__(self, office: Any, site: str) -> None:
        self._office, self.site = office, site
        self._numbers = itertools.count()
        self.hazard = next(row for row in office.world.hazards if row.site == site)
        self.ticket = next(row for row in office.world.tickets if row.site == site)

    def path(self, path: str, action: str) -> str:
        """Return the path with an existing object of the site in each parameter."""
        values = {
            "site": self.site,
            "sensor": "stray",
            "hazard_id": self.hazard.id,
            "ticket_id": self.ticket.id,
            "action": action,
            "rule": "smoke",
            "risk_point": "dorm-fire",
            "danger_id": self.ticket.danger,
            "place": "d-101",
            "form": "ledger",
            "camera": "stairs",
            "letter": "notice",
            "zone": f"new-{next(self._numbers)}",
            "year": 2025,
            "edition": 1,
            "name": "ledger.csv",
            "inspection_id": "walk-0001",
            "entry_id": "entry-0001",
            "plan": f"plan-{next(self._numbers)}",
            "tag": f"tag-{next(self._numbers)}",
            "course": self._course() if "{course}" in path else "",
        }
        self._prepare(path)
        if "{digest}" in path:
            values["digest"] = self._office.world.dispatch.plans.add_picture(BOSS, self.site, PICTURE).digest
        for name, make in (
            ("drill_id", self._drill),
            ("plan_id", self._drill_plan),
            ("handover_id", self._handover),
            ("silence_id", self._silence),
        ):
            if f"{{{name}}}" in path:
                values[name] = make()
        if "{camera}" in path:
            closed = [Camera(site=one, id="stairs", url="http://127.0.0.1:1/") for one in ("school-1", "school-2")]
            self._office.world.dispatch.cameras.use(closed)
        if "{username}" in path:
            values["username"] = f"person-{self.site}-{next(self._numbers)}"
            self._office.people.create(values["username"], PASSWORD, roles=["viewer"], sites=[self.site])
        if "{display_id}" in path:
            admin = self._office.people.account("admin").actor
            values["display_id"] = self._office.people.displays.create(admin, site=self.site, name="gate")[0].id
        if "{browser}" in path:
            values["browser"] = self._browser()
        if "{order_id}" in path:
            everywhere = Actor("chief", frozenset(("admin",)))
            given = {"site": self.site, "zone": "dorm", "action": "evacuate", "drill": True, "sound": False, "note": ""}
            values["order_id"] = self._office.world.dispatch.emergency_orders.give(everywhere, **given).id
        if "{photo_id}" in path:
            sent = Sent(self.site.encode(), "fixed", self._office.world.now_ns)
            values["photo_id"] = self._office.world.photograph(self.ticket.danger, sent)
        ends = {"/photos": "?stage=fixed&taken_at=2026-09-21T00:00:00Z", "/photo": "?taken_at=2026-09-21T00:00:00Z"}
        ends["/route"] = "?kind=weekly"
        return path.format(**values) + next((query for end, query in ends.items() if path.endswith(end)), "")

    def _prepare(self, path: str) -> None:
        """Make the roster and the archive of the site for the operations that need one."""
        if "/rosters/" in path or path.endswith("/escalation"):
            self._write_roster()
        if "{edition}" in path:
            self._archive()
        if "{inspection_id}" in path:
            self._office.world.dispatch.inspections.store.create(BOSS, self.site, Walk("walk-0001", "monthly"))

    def _archive(self) -> None:
        """Archive a past year of the site if it has none."""
        kept = self._office.world.dispatch.year_archives
        if not kept.of_site(BOSS, self.site):
            kept.make(BOSS, self.site, 2025)

    def _write_roster(self) -> None:
        """Write a roster of the site if it has none, and start an escalation of its hazard."""
        admin, parts = self._office.people.account("admin").actor, self._office.world.dispatch.escalating
        boss = Actor(admin.username, admin.roles)
        if self.site not in {one.site for one in parts.rosters.page(boss, Page())}:
            parts.rosters.put(boss, self.site, ROSTER, version=None)
        with self._office.world.engine.begin() as connection:
            hazard = parts.taking.hazard(connection, self.hazard.id)
            parts.started.page(connection, hazard, "hazard.opened", "cause", {})

    def _browser(self) -> str:
        """Return a browser of the account near or far that sees the site; a browser has no site of its own."""
        owner = self._office.people.account("near" if self.site == "school-1" else "far")
        actor = owner.actor if owner else self._office.people.account("admin").actor
        subscription = Browser(f"https://push.example/{next(self._numbers)}").subscription()
        return self._office.people.push_devices.add(actor, name="phone", **subscription).id

    def _course(self) -> str:
        """Return a new lesson of the site."""
        training, name = self._office.world.dispatch.training, f"course-{next(self._numbers)}"
        if name not in {one.id for one in training.courses(BOSS, self.site)}:
            need = {"kind": "lesson", "name": {"zh": "灭火器"}, "posts": ["guard"], "valid_days": 365, "version": None}
            training.put_course(BOSS, self.site, name, **need)
        return name

    def _drill(self) -> str:
        """Return the running drill of the site."""
        drills = self._office.world.dispatch.drills
        running = [one.id for one in drills.of_site(BOSS, self.site) if one.ended_ns is None]
        return running[0] if running else drills.start(BOSS, site=self.site, zone="dorm", kind="fire").id

    def _drill_plan(self) -> str:
        """Return a planned drill of the site."""
        world = self._office.world
        at_ns = world.now_ns + 86_400_000_000_000
        planned = [one.id for one in world.dispatch.drill_plans.of_site(BOSS, self.site) if one.state == "planned"]
        scene = {"site": self.site, "zone": "dorm", "kind": "fire"}
        return planned[0] if planned else world.dispatch.drill_plans.plan(BOSS, **scene, at_ns=at_ns).id

    def _silence(self) -> str:
        """Return a new silence of the site."""
        dispatch, now_ns = self._office.world.dispatch, self._office.world.now_ns
        span = {"starts_ns": now_ns, "ends_ns": now_ns + 3_600_000_000_000}
        wanted = Wanted(
            site=self.site, kind="silence", cause="leak", owner=self._chief(), reason="works in 101", **span
        )
        return dispatch.discipline.silences.create(BOSS, wanted).id

    def _chief(self) -> str:
        """Return an administrator of every site."""
        if self._office.people.account("boss") is None:
            self._office.people.create("boss", PASSWORD, roles=["admin"])
        return "boss"

    def _handover(self) -> str:
        """Return a handover of the site that no second person has taken over."""
        handovers, giver = self._office.world.dispatch.handovers, Actor("giver", frozenset(("operator",)))
        rows = handovers.list(giver, site=self.site, page=Page())
        waiting = [row.id for row in rows if row.taken_by is None]
        return waiting[0] if waiting else handovers.give(giver, self.site, "").id

    def body(self, method: str, path: str) -> Any:
        """Return the body of an operation on an object of the site, None without a body."""
        bodies: dict[tuple[str, str], Any] = {
            ("PUT", "/me/password"): {"password": PASSWORD, "new_password": "short"},
            ("PUT", "/me/second-factor"): {"password": PASSWORD},
            ("PUT", "/users/{username}/lock"): {"locked": True},
            ("POST", "/posts/{site}/handovers"): {"leaver": "nobody", "successor": "somebody"},
            ("PUT", "/training/{site}/courses/{course}"): {
                "kind": "drill",
                "name": {"zh": "疏散"},
                "posts": ["guard"],
                "valid_days": 180,
            },
            ("POST", "/training/{site}/records"): {
                "records": [{"course": "none", "person": "li", "held_on": "2026-09-01"}]
            },
            ("POST", "/training/{site}/list"): {"format": "csv", "content": "aWQK"},
            ("POST", "/me/second-factor"): {"code": "000000"},
            ("POST", "/me/push/browsers"): {"name": "phone", **Browser("https://push.example/own").subscription()},
            ("POST", "/users"): {"username": "new", "password": PASSWORD, "roles": ["viewer"], "sites": [self.site]},
            ("POST", "/documents/{site}/archives"): {"year": 2_200},
            ("POST", "/cameras/{site}/{camera}/stills"): {"reason": "smoke?"},
            ("POST", "/drills/{site}"): {"zone": "dorm", "kind": "fire"},
            ("POST", "/drills/{site}/plans"): {"zone": "dorm", "kind": "fire", "at": "2026-10-01T00:00:00Z"},
            ("POST", "/silences/{site}"): {
                "cause": "leak",
                "owner": "operator",
                "reason": "works",
                "ends_at": "2026-09-21T23:00:00+08:00",
            },
            ("POST", "/silences/{site}/{silence_id}/patrols"): {},
            ("POST", "/inspections/{site}"): {"id": "walk-0002", "kind": "weekly"},
            ("POST", "/inspections/{site}/{inspection_id}/entries"): {
                "entries": [{"id": "entry-0001", "type": "start", "at": "2026-09-21T23:00:00+08:00"}]
            },
            ("PUT", "/inspections/{site}/{inspection_id}/entries/{entry_id}/photo"): {},
            ("PUT", "/inspection-plans/{site}/{plan}"): {"kind": "guard_round", "name": {"zh": "夜巡"}, "begins": []},
            ("PUT", "/place-tags/{site}/{tag}"): {"place": "d-101"},
            ("POST", "/displays"): {"site": self.site, "name": "gate"},
            ("POST", "/emergency-orders"): {"site": self.site, "action": "evacuate", "drill": True},
            ("POST", "/quarantine/replay"): {"site": self.site},
            ("PUT", "/rosters/{site}"): ROSTER,
            ("PUT", "/guide/clauses"): {"clauses": []},
            ("POST", "/dangers/{danger_id}/photos"): {},
            ("POST", "/dangers"): {
                "site": self.site,
                "place": "d-101",
                "kind": "exit_blocked",
                "source": "patrol",
                "text": "barred",
            },
            ("PUT", "/setup/school"): {"id": "new", "name": {}, "kind": "primary"},
            ("POST", "/setup/broker/test"): {"embedded": True},
            ("PUT", "/setup/broker"): {"embedded": True},
            ("POST", "/setup/devices"): {"site": self.site, "name": "smoke-1"},
            ("PUT", "/plans/{site}"): {"name": {}, "size_m": [1, 1]} | {key: [] for key in PLAN_ROWS},
            ("POST", "/plans/{site}/pictures"): {},
            ("POST", "/sensors/places"): {"site": self.site, "csv": "smoke-101,d-101"},
            ("POST", "/handovers"): {"site": self.site},
            ("POST", "/hazards/{hazard_id}/comments"): {"note": "dust"},
            ("POST", "/hazards/acknowledgements"): {"hazards": [self.hazard.id]},
            ("PUT", "/sensors/{site}/{sensor}/place"): {"place": "d-101"},
            ("PUT", "/sensors/{site}/{sensor}/ignored"): {"reason": ""},
            ("PUT", "/risk-points/{site}/{risk_point}/provisional-grade"): {
                "decision": "confirm",
                "grade": "yellow",
                "reason": "seen on site",
            },
            ("POST", "/tickets/{ticket_id}/actions/{action}"): {},
            ("POST", "/tickets/{ticket_id}/tests"): {"id": "a-test-of-access", "started_at": "2026-09-21T00:00:00Z"},
            ("PUT", "/register/{site}/zones/{zone}"): {"name": {"zh": "新区"}},
            ("PUT", "/register/{site}/points/{risk_point}"): {"name": {"zh": "点"}, "zone": "dorm"},
            ("POST", "/register/{site}/points/{risk_point}/checks"): {"measure": "m1", "works": True},
            ("POST", "/register/{site}/approvals"): {"versions": {"dorm-fire": 9}},
            ("POST", "/register/{site}/template"): {"template": "none"},
            ("POST", "/register/{site}/list"): {"format": "csv", "content": "aWQK"},
        }
        has_body = "requestBody" in DOCUMENT[PREFIX + path][method.lower()]
        assert has_body == ((method, path) in bodies), f"{method} {path} needs an example in this test"
        return bodies.get((method, path))


@pytest.fixture
def filled(office: Any, seen: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return an interface with a hazard, a ticket and a stray sensor at both schools; an archive has one form."""
    office.use_web_push(tmp_path)
    monkeypatch.setattr(archives, "YEAR_FORMS", ("ledger",))
    monkeypatch.setattr(archives, "QUARTERS", ())
    monkeypatch.setattr(archives, "has_chinese_font", lambda: False)
    office.world.feed(seen(Phase.RAISE), seen(Phase.RAISE, site="school-2"))
    for site in ("school-1", "school-2"):
        office.world.catalog.code(site, "stray", "smoke")
    return office


def cases() -> list[tuple[str, str, str]]:
    """Return (method, path, action) of each operation that needs a token."""
    return [
        (method, path, action)
        for method, path in ROUTES_OF_DOCUMENT
        if ROUTES.get(f"{method} {path}") != PUBLIC
        for action in ACTIONS.get(path, ["acknowledge"])
    ]


def permitted(method: str, path: str, action: str, role: str) -> bool:
    """Return whether the table permits the operation to the role."""
    operations = [ROUTES[f"{method} {path}"]]
    if path in ACTIONS and action in loop().steps:
        operations.append(loop().steps[action].operation)
    return all(role in OPERATIONS[operation] for operation in operations)


def test_the_table_has_exactly_the_operations_of_the_document() -> None:
    """A new operation needs a row; no row is without an operation; each row names an operation of the role table."""
    assert set(ROUTES) == {f"{method} {path}" for method, path in ROUTES_OF_DOCUMENT}
    assert set(ROUTES.values()) - {PUBLIC} <= set(OPERATIONS)
    assert {path for path in DOCUMENT if not path.startswith(PREFIX)} == OPEN
    assert [row for row, operation in ROUTES.items() if operation == PUBLIC] == [
        "POST /session",
        "POST /session/display",
        "GET /links/{token}",
        "POST /links/{token}",
        "POST /sms-replies/{channel}/{token}",
        "GET /report-places/{code}",
        "POST /report-places/{code}/reports",
        "GET /reports/{receipt}",
        "PUT /reports/{receipt}/photo",
        "POST /setup/administrator",
    ]


def test_an_operation_without_a_row_is_forbidden(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """To every role, the administrator included."""
    admin = office.sign_in("admin")
    assert admin.get("loop").status_code == 200
    monkeypatch.delitem(ROUTES, "GET /loop")
    assert admin.get("loop").status_code == 403


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # nothing in it depends on the database
def test_without_a_token_each_operation_is_refused(filled: Any) -> None:
    """401 as a problem, for existing objects of both schools."""
    client = filled.client()
    for site in ("school-1", "school-2"):
        objects = Objects(filled, site)
        for method, path, action in cases():
            for headers in ({}, {"Authorization": "Bearer wrong"}):
                url = objects.path(path, action).removeprefix("/")
                answer = client.request(method, url, json=objects.body(method, path), headers=headers)
                assert answer.status_code == 401, (method, url)
                assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # nothing in it depends on the database
def test_each_operation_follows_the_table(filled: Any, role: str) -> None:
    """An insufficient role gets 403, a foreign object 404, a permitted one neither; no list names a foreign site."""
    filled.people.create("chief", PASSWORD, roles=["admin"])
    filled.people.create("near", PASSWORD, roles=[role], sites=["school-1"])
    filled.people.create("far", PASSWORD, roles=[role])
    for username, site in (("near", "school-1"), ("near", "school-2"), ("far", "school-2")):
        objects, foreign = Objects(filled, site), (username, site) == ("near", "school-2")
        client = filled.sign_in(username)
        for method, path, action in cases():
            url = objects.path(path, action).removeprefix("/")
            headers = {"If-Match": f'"{objects.ticket.version}"'}
            with client.stream(method, url, json=objects.body(method, path), headers=headers) as answer:
                status = answer.status_code
                text = "" if path == "/events" else answer.read().decode(errors="replace")
            if (method, path) == ("DELETE", "/session"):
                client = filled.sign_in(username)
            told = (role, username, method, url, status, text[:300])
            if not permitted(method, path, action, role) and not (foreign and status == 404):
                assert status == 403, told
            elif foreign and (method, path) in NAMES_SITE_IN_BODY:
                assert status in {403, 404}, told
            elif foreign and "{" in path and path not in OF_NO_SITE:
                assert status == 404, told
            else:
                assert status not in {401, 404} and status < 500, told  # noqa: PT018 - one condition
                assert status != 403 or path in ACTIONS, told  # the assigned fixer or another person only
            if foreign and status < 400:
                assert "school-2" not in text, told


def test_lists_of_one_foreign_site_are_empty(filled: Any) -> None:
    """`site` of a list selects within the scope; it never widens it."""
    listing = [path for method, path in ROUTES_OF_DOCUMENT if method == "GET" and "{" not in path]
    filled.people.create("near", PASSWORD, roles=["admin", "district", "officer"], sites=["school-1"])
    client = filled.sign_in("near")
    tried = 0
    for path in listing:
        parameters = {row["name"] for row in DOCUMENT[PREFIX + path]["get"].get("parameters", ())}
        if "site" not in parameters or path in {
            "/readings",
            "/preview",
            "/overview",
            "/alarm-load",
            "/chatter",
            "/handovers/draft",
        }:  # of one object
            continue
        answer = client.get(path.removeprefix("/"), params={"site": "school-2"})
        assert answer.status_code == 200, path
        assert "school-2" not in json.dumps(answer.json()), path
        tried += 1
    assert tried >= 8
