"""Phone of a rectification worker without network: outbox, photos, sensor test, conflicts, sessions."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from alerts import Actor
from alerts import Page as Rows
from alerts.dangers.photos import Sent
from alerts.dangers.readings import StoredReadings
from alerts.inspections.store import Wanted
from alerts.inspections.validation import Sent as Tick
from alerts.timestamps import format_time
from detectors import DetectionBatch, Phase
from ingest import from_columns
from tests.browser.conftest import BOX, CAMPUS, PASSWORD, SITE, School
from tests.browser.test_accessibility import AXE, RUN
from tests.processes import until

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]
FLOAT = "float-1"
PLACE = "pump-room"
HOUR_NS = 3_600_000_000_000
ZONE = {"site": SITE, "id": "pump", "name_zh": "泵房", "name_en": "Pumps", "key": "water", "polygon": BOX}
CAMPUS_OF_PUMP: dict[str, Any] = {
    **CAMPUS,
    "zone": [*CAMPUS["zone"], ZONE | {"officer": "officer", "fixer": "fixer"}],
    "place": [
        *CAMPUS["place"],
        {"site": SITE, "zone": "pump", "id": PLACE, "name_zh": "地下泵房", "name_en": "Pump room", "xy": [20, 20]},
    ],
    "sensor": [*CAMPUS["sensor"], {"site": SITE, "id": FLOAT, "kind": "water", "place": PLACE, "period_s": 10}],
}
OFFICER = Actor("officer", frozenset(("officer",)))


class PumpRoom:
    """A served school whose pump room has a float switch with a leak, assigned to the fixer."""

    def __init__(self, school: School) -> None:
        self.school, self.url = school, school.url
        self._cursors = iter(range(1_000, 9_000))
        school.dispatch.readings = StoredReadings(school.store, school.catalog)
        self.write(0.0, ago_s=600)
        self.detect(Phase.RAISE)
        self.detect(Phase.CLEAR)
        self.act("assign", OFFICER, fixer="fixer", note="replace the float switch, then test it")

    @property
    def ticket(self) -> Any:
        """Return the ticket of the leak, which is the only one."""
        [found] = self.school.dispatch.queries.tickets(OFFICER, site=None, state=None, grade=None, page=Rows())
        return found

    def act(self, action: str, actor: Actor, **fields: Any) -> Any:
        """Apply one step by a person at the service."""
        ticket = self.ticket
        return self.school.dispatch.act(ticket.id, action, actor, fields, version=ticket.version)

    def steps(self) -> list[str]:
        """Return the kinds of the entries of the ticket's history."""
        return [event.kind for event in self.school.dispatch.queries.history(self.ticket.id)]

    def write(self, value: float, *, ago_s: float = 0) -> None:
        """Store one reading of the float switch."""
        catalog, at_ns = self.school.catalog, time.time_ns() - int(ago_s * 1e9)
        columns: dict[str, np.ndarray[Any, Any]] = {
            "sensor": np.array([catalog.code(SITE, FLOAT, "water")], np.int32),
            "metric": np.array([catalog.metric("level_high").code], np.int16),
            "time_ns": np.array([at_ns], np.int64),
            "arrival_ns": np.array([at_ns], np.int64),
            "value": np.array([value]),
            "quality": np.zeros(1, np.uint8),
        }
        self.school.store.write(from_columns(columns), cursor=next(self._cursors))

    def detect(self, phase: Phase) -> None:
        """Apply one detection of a leak by the float switch."""
        catalog, now_ns = self.school.catalog, self.school.dispatch.clock()
        text = {"zh": "泵房浮球开关报警", "en": "pump room float switch"}
        batch = DetectionBatch(
            sensor=np.array([catalog.code(SITE, FLOAT, "water")], np.int32),
            metric=np.array([catalog.metric("level_high").code], np.int16),
            phase=np.array([phase], np.int8),
            level=np.array([1], np.int8),
            first_ns=np.array([now_ns], np.int64),
            last_ns=np.array([now_ns], np.int64),
            gateway_ns=np.zeros(1, np.int64),
            arrival_ns=np.array([now_ns], np.int64),
            decided_ns=np.array([now_ns], np.int64),
            score=np.array([0.9]),
            late=np.array([False]),
            drill=np.array([False]),
            rule=["leak_alarm"],
            detector=["threshold"],
            hazard=["leak"],
            evidence=[{"window_s": 10, "limit": 1, "value": 1, "unit": "bool", "text": text, "clears": text}],
        )
        self.school.dispatch.apply(batch, catalog, cursor=next(self._cursors))


class Clock:
    """Clock of the alert service, ahead of the real one by what the test sets."""

    ahead_ns = 0

    def __call__(self) -> int:
        """Return ns since 1970 UTC."""
        return time.time_ns() + self.ahead_ns


@pytest.fixture
def clock() -> Clock:
    """Return a clock that the test sets ahead."""
    return Clock()


@pytest.fixture
def school(tmp_path: Path, sqlite_template: bytes, clock: Clock) -> Iterator[School]:
    """Return the served school with a pump room."""
    served = School(tmp_path, sqlite_template, campus=CAMPUS_OF_PUMP, clock=clock)
    served.start()
    yield served
    served.stop()


@pytest.fixture
def room(school: School) -> PumpRoom:
    """Return the pump room of the school."""
    return PumpRoom(school)


@pytest.fixture
def phone(browser: Browser, room: PumpRoom) -> Iterator[BrowserContext]:
    """Return a phone: 390 x 844, touch. Errors of scripts and of the content policy fail the test."""
    errors: list[str] = []
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    context.set_default_timeout(30_000)
    context.add_init_script("location.host && localStorage.setItem('twinward.language', 'en')")
    context.on("weberror", lambda error: errors.append(str(error.error)))
    context.on("console", lambda said: errors.extend([said.text] if "Security Policy" in said.text else []))
    assert room.url
    yield context
    context.close()
    assert errors == []


def enter(phone: BrowserContext, room: PumpRoom, username: str = "fixer") -> Page:
    """Sign in on the phone, and wait until the worker serves the page and the tickets are kept."""
    page = phone.new_page()
    page.goto(f"{room.url}/#/mine")
    sign_in_here(page, username)
    expect(page.get_by_test_id("ticket")).to_have_count(1)
    expect(page.get_by_test_id("connection")).to_have_text("Live")  # account and outbox are read again then
    page.evaluate("navigator.serviceWorker.ready.then((one) => one.scope)")
    names = ("account", f"ticket/{room.ticket.id}", f"signal/{SITE}/{FLOAT}/level_high")
    until(lambda: all(page.evaluate(KEPT, [username, one]) for one in names), timeout_s=20, what="copies on the phone")
    return page


def sign_in_here(page: Page, username: str) -> None:
    """Fill the form of the sign-in that the page shows."""
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")


def press(page: Page, action: str) -> None:
    """Press the button of an action."""
    page.locator(f"button[data-action={action}]").click()


LOSE_FIRST = """(end) => {
  const real = window.fetch;
  window.lost = [];
  window.fetch = async (address, init) => {
    const answer = await real(address, init);
    if (!String(address).endsWith(end)) return answer;
    window.lost.push(init.headers["Idempotency-Key"]);
    if (window.lost.length === 1) throw new TypeError("Failed to fetch");
    return answer;
  };
}"""


def lose_first(page: Page, end: str) -> Callable[[], list[str]]:
    """Lose the first answer of the service to requests of this end; return a reader of their idempotency keys.

    In the page: the browser's own interception does not see the requests of a page that a service worker has claimed.
    """
    page.evaluate(LOSE_FIRST, end)
    return lambda: page.evaluate("window.lost")


def picture(colour: str = "green") -> dict[str, Any]:
    """Return a photo as a file chooser delivers it."""
    output = io.BytesIO()
    Image.new("RGB", (800, 600), colour).save(output, "JPEG")
    return {"name": "float.jpg", "mimeType": "image/jpeg", "buffer": output.getvalue()}


def waiting(page: Page, kind: str) -> Any:
    """Return the entries of a kind that the page shows."""
    return page.locator(f"[data-testid=entry][data-kind={kind}]")


KEPT = """([owner, name]) => new Promise((done) => {
  const opening = indexedDB.open('twinward');
  opening.onerror = () => done(false);
  opening.onsuccess = () => {
    const read = opening.result.transaction('kept').objectStore('kept').get([owner, name]);
    read.onsuccess = () => { opening.result.close(); done(read.result !== undefined); };
    read.onerror = () => done(false);
  };
})"""
"""Whether the phone has a copy; each branch settles."""
COUNT = """([table]) => new Promise((done) => {
  const opening = indexedDB.open('twinward');
  opening.onerror = () => done(-1);
  opening.onsuccess = () => {
    const count = opening.result.transaction(table).objectStore(table).count();
    count.onsuccess = () => { opening.result.close(); done(count.result); };
    count.onerror = () => done(-1);
  };
})"""
DAMAGE = """() => new Promise((done) => {
  const opening = indexedDB.open('twinward');
  opening.onerror = () => done(false);
  opening.onsuccess = () => {
    const store = opening.result.transaction('outbox', 'readwrite').objectStore('outbox');
    const read = store.getAll();
    read.onerror = () => done(false);
    read.onsuccess = () => {
      const photo = read.result.find((one) => one.file);
      const put = store.put({ ...photo, file: new Blob([photo.file, 'x'], { type: 'image/jpeg' }) });
      put.onsuccess = () => { opening.result.close(); done(true); };
      put.onerror = () => done(false);
    };
  };
})"""
"""Changes the stored photo of an entry behind the console."""


def test_the_fixer_works_without_network_and_the_verifier_sees_the_proof(
    phone: BrowserContext, room: PumpRoom, sign_in: SignIn
) -> None:
    """Scan, conditions, photo, test now, submit without network; one sync; the verifier has photo and response."""
    page = enter(phone, room)
    phone.set_offline(True)
    page.reload()  # the shell is on the phone
    code = room.school.dispatch.place_codes.make(SITE, PLACE)
    page.goto(f"{room.url}/#/report/{code}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Pump room: Water leak")
    expect(page.get_by_test_id("closure")).to_contain_text("the sensors have not detected it for 72 h")
    expect(page.get_by_test_id("as-of").first).to_contain_text("data as of")
    expect(page.get_by_test_id("cover")).to_have_count(0)
    for action in ("take", "start"):
        press(page, action)
    page.locator("#photo-input").set_input_files(picture())  # type: ignore[arg-type]
    expect(waiting(page, "photo")).to_have_count(1)
    page.get_by_test_id("test-now").click()
    expect(waiting(page, "test")).to_have_count(1)
    room.write(1.0)  # the float is lifted; the gateway has its own network
    press(page, "submit")
    page.locator("form textarea").fill("float switch replaced")
    page.locator("form button[type=submit]").click()
    expect(page.get_by_test_id("offline-bar")).to_contain_text("Offline: 5 entries wait")
    expect(page.get_by_test_id("state")).to_have_attribute("data-state", "assigned")  # the state at the service
    assert room.steps()[-1] == "ticket.assign"
    if AXE.exists():
        page.evaluate(AXE.read_text(encoding="utf-8"))
        assert page.evaluate(RUN) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    phone.set_offline(False)
    expect(page.get_by_test_id("state")).to_have_attribute("data-state", "submitted")
    expect(page.get_by_test_id("entry")).to_have_count(0)
    assert [kind for kind in room.steps() if kind.startswith(("ticket.take", "ticket.start", "ticket.submit"))] == [
        "ticket.take", "ticket.start", "ticket.submit",
    ]  # fmt: skip

    verifier = sign_in("officer2", language="en")
    verifier.goto(f"{room.url}/#/tickets/{room.ticket.id}")
    expect(verifier.get_by_test_id("test")).to_have_attribute("data-state", "seen")
    expect(verifier.get_by_test_id("test")).to_contain_text("float-1")
    expect(verifier.locator("img[src^='api/v1/photos/']")).to_be_visible()
    expect(verifier.get_by_text("scanned on site")).to_be_visible()
    press(verifier, "reject")
    verifier.locator("form textarea").first.fill("the cable is loose")
    verifier.locator("form button[type=submit]").click()
    expect(verifier.get_by_test_id("state")).to_have_attribute("data-state", "rectifying")
    expect(page.get_by_test_id("state")).to_have_attribute("data-state", "rectifying")
    expect(page.get_by_text("the cable is loose").first).to_be_visible()


def submitted(room: PumpRoom, colour: str = "green") -> None:
    """Rectify the leak at the service: photo and steps of the fixer."""
    fixer, content = Actor("fixer", frozenset(("fixer",))), picture(colour)["buffer"]
    sent = Sent(content, "fixed", room.school.dispatch.clock(), PLACE, hashlib.sha256(content).hexdigest())
    room.school.dispatch.intake.add_photo(room.ticket.danger, fixer, sent)
    for action in ("take", "start", "submit"):
        room.act(action, fixer)


def test_a_relapse_on_day_two_reopens_the_file_and_three_quiet_days_close_it(room: PumpRoom, clock: Clock) -> None:
    """The same ticket: observed, relapsed on day 2, rectified again, closed by the clock after 72 h without one."""
    dispatch, number = room.school.dispatch, room.ticket.number
    submitted(room)
    room.act("accept", Actor("officer2", frozenset(("officer",))))
    assert room.ticket.state == "observing"
    clock.ahead_ns = 40 * HOUR_NS
    dispatch.tick(clock())
    assert room.ticket.state == "observing"
    room.detect(Phase.RAISE)
    assert (room.ticket.number, room.ticket.state, room.ticket.relapses) == (number, "graded", 1)
    room.detect(Phase.CLEAR)
    room.act("assign", OFFICER, fixer="fixer")
    submitted(room, "blue")  # the photo of the former repair is no proof
    room.act("accept", Actor("officer2", frozenset(("officer",))))
    clock.ahead_ns = (40 + 71) * HOUR_NS
    dispatch.tick(clock())
    assert room.ticket.state == "observing"
    clock.ahead_ns = (40 + 73) * HOUR_NS
    dispatch.tick(clock())
    assert (room.ticket.number, room.ticket.state, room.ticket.close_reason) == (number, "closed", "proved")


def test_a_lost_answer_makes_one_submission(phone: BrowserContext, room: PumpRoom) -> None:
    """The service has the submission, the phone does not: the repeated one has the same key and the same answer."""
    fixer = Actor("fixer", frozenset(("fixer",)))
    for action in ("take", "start"):
        room.act(action, fixer)
    page = enter(phone, room)
    page.goto(f"{room.url}/#/tickets/{room.ticket.id}")
    lost = lose_first(page, "/actions/submit")
    press(page, "submit")
    page.locator("form textarea").fill("replaced")
    page.locator("form button[type=submit]").click()
    expect(waiting(page, "action")).to_have_count(1)
    page.goto(f"{room.url}/#/mine")
    expect(page.get_by_role("heading", level=1)).to_have_text("My tickets")
    now = page.get_by_role("button", name="Send now")
    now.evaluate_all("all => all.forEach((one) => one.click())")  # the phone may be sending, or have sent, by then
    expect(page.get_by_test_id("entry")).to_have_count(0)
    keys = lost()
    assert len(set(keys)) == 1
    assert len(keys) >= 2
    assert room.steps().count("ticket.submit") == 1
    assert room.ticket.state == "submitted"


def test_a_changed_photo_is_refused_and_kept_on_the_phone(phone: BrowserContext, room: PumpRoom) -> None:
    """Its digest was taken with it; later entries of the ticket wait until the person decides."""
    fixer = Actor("fixer", frozenset(("fixer",)))
    room.act("take", fixer)
    page = enter(phone, room)
    page.goto(f"{room.url}/#/tickets/{room.ticket.id}")
    expect(page.get_by_test_id("state")).to_have_attribute("data-state", "taken")
    phone.set_offline(True)
    page.locator("#photo-input").set_input_files(picture())  # type: ignore[arg-type]
    expect(waiting(page, "photo")).to_have_count(1)
    press(page, "start")
    expect(waiting(page, "action")).to_have_count(1)
    assert page.evaluate(DAMAGE)
    phone.set_offline(False)
    expect(waiting(page, "photo")).to_have_attribute("data-state", "refused")
    expect(waiting(page, "photo")).to_contain_text("differs from the received file")
    expect(page.get_by_test_id("offline-bar")).to_contain_text("1 refused")
    assert room.ticket.state == "taken"
    assert room.school.dispatch.danger_queries.photos(room.ticket.danger) == []
    waiting(page, "photo").get_by_role("button", name="Discard").click()
    waiting(page, "photo").get_by_role("button", name="Confirm").click()
    expect(page.get_by_test_id("state")).to_have_attribute("data-state", "rectifying")
    expect(page.get_by_test_id("entry")).to_have_count(0)


def test_a_photo_above_ten_megabytes_or_of_another_type_has_a_message(
    phone: BrowserContext, room: PumpRoom, tmp_path: Path
) -> None:
    """Refused on the phone at once, before anything waits."""
    page = enter(phone, room)
    page.goto(f"{room.url}/#/tickets/{room.ticket.id}")
    (tmp_path / "large.jpg").write_bytes(bytes(10 * 1024 * 1024 + 1))
    page.locator("#photo-input").set_input_files(tmp_path / "large.jpg")
    expect(page.get_by_role("alert")).to_have_text("large.jpg: a photo has at most 10 MB")
    other = {"name": "plan.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"}
    page.locator("#photo-input").set_input_files(other)  # type: ignore[arg-type]
    expect(page.get_by_role("alert")).to_have_text("plan.pdf: only JPEG, PNG or WebP pictures")
    expect(page.get_by_test_id("entry")).to_have_count(0)


def test_a_conflict_keeps_the_entry_until_the_person_has_looked(phone: BrowserContext, room: PumpRoom) -> None:
    """The officer comments meanwhile: 412, the entry stays, and is sent with the version that the person has seen."""
    page = enter(phone, room)
    page.goto(f"{room.url}/#/tickets/{room.ticket.id}")
    expect(page.locator("button[data-action=take]")).to_be_visible()
    phone.set_offline(True)
    press(page, "take")
    expect(waiting(page, "action")).to_have_count(1)
    room.act("comment", OFFICER, note="bring the long ladder")
    phone.set_offline(False)
    expect(waiting(page, "action")).to_have_attribute("data-state", "refused")
    expect(waiting(page, "action")).to_contain_text("Someone else has changed this ticket")
    expect(page.get_by_text("bring the long ladder")).to_be_visible()
    assert room.ticket.state == "assigned"
    waiting(page, "action").get_by_role("button", name="Send again").click()
    expect(page.get_by_test_id("state")).to_have_attribute("data-state", "taken")
    expect(page.get_by_test_id("entry")).to_have_count(0)


POINT: dict[str, Any] = {
    "name": {"zh": "泵房", "en": "Pump room"},
    "zone": "pump",
    "place": PLACE,
    "hazard": "leak",
    "existing": {"method": "ls", "likelihood": 3, "severity": 5},
    "measures": [
        {"id": name, "text": {"zh": f"措施{name}", "en": f"Measure {name}"}, "cycle_days": 1}
        for name in ("m1", "m2", "m3")
    ],
}


def walk(room: PumpRoom) -> str:
    """Make a weekly inspection with one stop; return its id."""
    register, inspector = room.school.dispatch.register, Actor("officer", frozenset(("officer",)), frozenset((SITE,)))
    register.put(inspector, SITE, "pump", POINT, version=None)
    register.approve(Actor("officer2", frozenset(("officer",))), SITE, {"pump": 1})
    return room.school.dispatch.inspections.store.create(inspector, SITE, Wanted("weekly-walk", "weekly")).id


def test_an_inspection_without_network_is_sent_once(phone: BrowserContext, room: PumpRoom) -> None:
    """Ticks, photo and check-in wait; a lost answer repeats no entry; a later tick of another is stated."""
    inspection, parts = walk(room), room.school.dispatch.inspections
    page = enter(phone, room)
    name = f"inspection/{SITE}/{inspection}"
    until(lambda: page.evaluate(KEPT, ["fixer", name]), timeout_s=20, what="sheet on the phone")
    phone.set_offline(True)
    page.reload()
    page.get_by_test_id("inspection").get_by_role("link").click()
    expect(page.get_by_test_id("as-of")).to_be_visible()
    for item, button in (("m1.0", "Not in order"), ("m2.0", "In order")):
        page.locator(f"[data-item='{item}']").get_by_role("button", name=button, exact=True).click()
        expect(page.locator(f"[data-item='{item}']")).to_have_attribute("data-waiting", "true")
    page.locator("[data-item='m1.0'] input[type=file]").set_input_files(picture())  # type: ignore[arg-type]
    page.locator("input[name=code]").fill(room.school.dispatch.place_codes.make(SITE, PLACE))
    page.locator("input[name=code]").press("Enter")
    expect(page.get_by_test_id("check-in")).to_contain_text("Waits")
    expect(page.get_by_test_id("offline-bar")).to_contain_text("Offline: 4 entries wait")
    assert parts.store.sheet(OFFICER, SITE, inspection)[1] == []
    later = Tick("e-of-officer", "item", format_time(time.time_ns()), stop="s1", item="m2.0", result="not_ok")
    parts.entries.submit(OFFICER, SITE, inspection, [later], lambda _: {})

    lost = lose_first(page, "/entries")
    phone.set_offline(False)
    expect(waiting(page, "photo")).to_have_count(0)
    expect(page.get_by_test_id("check-in")).not_to_contain_text("Waits")
    expect(page.get_by_test_id("entry")).to_have_count(1)
    expect(page.get_by_test_id("entry")).to_contain_text("officer has entered a later result")
    expect(page.locator("[data-item='m2.0']")).to_have_attribute("data-state", "not_ok")
    stored = parts.store.sheet(OFFICER, SITE, inspection)[1]
    assert sorted((one.type, one.item, one.by) for one in stored) == [
        ("check_in", "", "fixer"), ("item", "m1.0", "fixer"), ("item", "m2.0", "fixer"), ("item", "m2.0", "officer"),
    ]  # fmt: skip
    keys = lost()
    assert len(keys) == len(set(keys)) + 1
    [danger] = [one.danger for one in stored if one.item == "m1.0"]
    assert len(room.school.dispatch.danger_queries.photos(danger)) == 1
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_test_id("offline-bar")).to_have_count(0)


def test_an_ended_session_keeps_the_entries_from_another_person(phone: BrowserContext, room: PumpRoom) -> None:
    """Sign-in is asked for; another account on this phone neither sees nor sends them; the owner's sign-in does."""
    page = enter(phone, room)
    page.goto(f"{room.url}/#/tickets/{room.ticket.id}")
    expect(page.locator("button[data-action=take]")).to_be_visible()
    phone.set_offline(True)
    press(page, "take")
    expect(waiting(page, "action")).to_have_count(1)
    phone.clear_cookies()
    phone.set_offline(False)
    expect(page.get_by_test_id("cover-waiting")).to_contain_text("1 entries wait on this phone")
    room.school.people.create("fixer2", PASSWORD, roles=["fixer"], sites=[SITE])
    sign_in_here(page, "fixer2")
    expect(page.get_by_test_id("cover")).to_have_count(0)
    expect(page.get_by_test_id("offline-bar")).to_have_count(0)
    page.goto(f"{room.url}/#/mine")
    expect(page.get_by_test_id("entry")).to_have_count(0)
    expect(page.get_by_text("Nothing waits for you today.")).to_be_visible()
    assert not page.evaluate(KEPT, ["fixer", f"ticket/{room.ticket.id}"])  # copies of the first person are gone
    assert room.ticket.state == "assigned"
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("input[name=username]")).to_be_visible()
    assert page.evaluate(COUNT, ["kept"]) == 0
    assert page.evaluate(COUNT, ["outbox"]) == 1
    sign_in_here(page, "fixer")
    expect(page.get_by_test_id("ticket")).to_contain_text("taken")
    expect(page.get_by_test_id("entry")).to_have_count(0)


def test_a_fixer_does_not_accept_the_own_ticket(phone: BrowserContext, room: PumpRoom) -> None:
    """403 for the account and for a second account of the same person; the page offers no such action."""
    room.school.people.create("second", PASSWORD, roles=["officer"], sites=[SITE], person="fixer")
    submitted(room)
    for username in ("fixer", "second"):
        client = httpx.Client(base_url=f"{room.url}/api/v1/")
        token = client.post("session", json={"username": username, "password": PASSWORD}).json()["token"]
        headers = {"Authorization": f"Bearer {token}", "If-Match": f'"{room.ticket.version}"'}
        assert client.post(f"tickets/{room.ticket.id}/actions/accept", json={}, headers=headers).status_code == 403
        client.close()
    page = phone.new_page()
    page.goto(f"{room.url}/#/tickets/{room.ticket.id}")
    sign_in_here(page, "second")
    expect(page.get_by_test_id("state")).to_have_attribute("data-state", "submitted")
    expect(page.locator("button[data-action=accept]")).to_have_count(0)
