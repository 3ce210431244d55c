"""Device states: renamed, removed, asleep and awaited devices keep their place, history and relations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ingest import BatchSettings, Catalog, CatalogChanges, Intake, Memory, Sensor, TelemetryBatch
from ingest.catalog import STATE
from ingest.decode.contract import Availability, Decoded, Reading
from ingest.renames import rename
from ingest.vocabulary import METRIC_BY_NAME

NOW_NS = 1_764_000_000_000_000_000
SITE = "school-1"
ONLINE, AWAITED = METRIC_BY_NAME["online"].code, METRIC_BY_NAME["awaited"].code
DECLARED = (
    Sensor(0, "head", SITE, "smoke", place="room", period_s=60),
    Sensor(0, "gauge", SITE, "water", place="pond"),
)


class Bridge:
    """A format whose messages are results by number."""

    name = "bridge"
    subscriptions: Sequence[str] = ("bridge/#",)

    def __init__(self) -> None:
        self.results: list[Decoded] = []

    def claims(self, topic: str) -> bool:
        """Return True for every topic of the bridge."""
        return topic.startswith("bridge/")

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:
        """Return the result that the payload names."""
        del topic, retained, now_ns
        return self.results[int(payload)]


class Site:
    """An intake with one bridge, and its catalogue."""

    def __init__(self, catalog: Catalog | None = None) -> None:
        self.catalog = Catalog(DECLARED) if catalog is None else catalog
        self.bridge = Bridge()
        self.intake = Intake(self.catalog, [self.bridge], batch=BatchSettings(age_s=10))
        self.facts: list[Memory] = []
        self.stored: tuple[Sensor, ...] = ()

    def send(self, *results: Decoded) -> list[tuple[str, str, float]]:
        """Return (sensor, metric, value) of the rows that these messages store."""
        for result in results:
            self.bridge.results.append(result)
            payload = str(len(self.bridge.results) - 1).encode()
            self.intake.accept([(0x30, 0, b"bridge/x", payload)], NOW_NS)
        return self.rows()

    def rows(self) -> list[tuple[str, str, float]]:
        """Return the rows of the open batch."""
        sealed = self.intake.seal()
        if sealed is None:
            return []
        self.facts.append(sealed.of(Memory))
        self.stored = sealed.of(CatalogChanges).sensors
        return rows_of(sealed.batch, self.catalog)

    def sensor(self, name: str) -> Sensor:
        """Return the sensor of that name."""
        known = self.catalog.find(SITE, name)
        assert known is not None
        return known


def rows_of(batch: TelemetryBatch, catalog: Catalog) -> list[tuple[str, str, float]]:
    """Return (sensor, metric, value) of a batch."""
    columns = zip(batch.sensor.tolist(), batch.metric.tolist(), batch.value.tolist(), strict=True)
    return [(catalog[sensor].id, catalog.metric_of(metric).name, value) for sensor, metric, value in columns]


def reading(sensor: str, metric: str = "smoke", value: float = 0.0, *, device: str = "") -> Reading:
    """Return one reading of a smoke head."""
    return Reading(sensor, "smoke", metric, value, METRIC_BY_NAME[metric].unit, device=device)


def test_place_and_history_follow_a_rename() -> None:
    """The code stays, with every reading under it; the old name is free, and the declaration is not awaited again."""
    site = Site()
    assert site.send(Decoded([reading("head")])) == [("head", "smoke", 0.0)]
    code = site.sensor("head").code
    assert site.send(Decoded(renamed=[("head", "dorm-head")]), Decoded([reading("dorm-head", value=1)])) == [
        ("dorm-head", "smoke", 1.0)
    ]
    renamed = site.sensor("dorm-head")
    assert (renamed.code, renamed.place, renamed.period_s) == (code, "room", 60)
    assert site.facts[-1].values[STATE].split()[0] == b"1"
    assert [tuple(one) for one in site.catalog.renamings()] == [(1, SITE, "head", "dorm-head")]
    again = Catalog(DECLARED)
    again.load(list(site.catalog), [])
    assert again.find(SITE, "dorm-head") == renamed
    assert [again[code].id for code in again.enrol(10)] == ["gauge"]


def test_probes_and_the_sensors_behind_follow_a_renamed_device() -> None:
    """A probe is named after its device; a sensor behind the device keeps its own name."""
    site = Site()
    site.send(Decoded([reading("board/a", device="board"), reading("board/b", device="board"), reading("head")]))
    site.catalog.behind(site.sensor("head").code, "board")
    site.send(Decoded(renamed=[("board", "lab")]))
    assert {sensor.id: sensor.gateway for sensor in site.catalog if sensor.site == SITE} == {
        "lab": "", "lab/a": "lab", "lab/b": "lab", "head": "lab",
    }  # fmt: skip
    assert site.catalog.find(SITE, "board/a") is None


def test_messages_under_the_new_name_before_the_rename_are_of_the_same_device() -> None:
    """The device keeps its own entry; the one of the early messages is retired and has no place."""
    site = Site()
    site.send(Decoded([reading("head")]), Decoded([reading("new")]))
    code, early = site.sensor("head").code, site.sensor("new").code
    site.send(Decoded(renamed=[("head", "new")]))
    assert site.sensor("new").code == code
    assert site.catalog[early].removed
    assert not site.catalog[early].assigned


def test_a_replacement_under_the_declared_name_has_the_place() -> None:
    """The failed head is renamed away and removed, the new one takes the name: one sensor has the place."""
    site = Site()
    site.send(Decoded([reading("head")]), Decoded(renamed=[("head", "failed")]), Decoded([reading("head")]))
    assert site.sensor("head").place == "room"
    site.send(Decoded(removed=["failed"]))
    again = Catalog(DECLARED)
    again.load(list(site.catalog), [])
    assert [(sensor.id, sensor.place) for sensor in again if sensor.kind == "smoke"] == [
        ("failed", ""),
        ("head", "room"),
    ]


def test_a_removed_device_is_a_loss_until_its_next_message() -> None:
    """Each of its probes is announced as lost, once; an unknown name changes nothing."""
    site = Site()
    site.send(Decoded([reading("head"), reading("head/probe", device="head")]))
    assert site.send(Decoded(removed=["head", "nobody"]), Decoded(removed=["head"])) == [
        ("head", "online", 0.0),
        ("head/probe", "online", 0.0),
    ]
    assert site.sensor("head").removed
    site.send(Decoded([reading("head")]))
    assert not site.sensor("head").removed


def test_a_retained_copy_revives_no_removed_or_sleeping_device() -> None:
    """The broker sends it again at each connect."""
    site = Site()
    asleep = Decoded(availability=[Availability("gauge", online=False, asleep=True)])
    site.send(Decoded([reading("head"), reading("gauge")]), Decoded(removed=["head"]), asleep)
    site.bridge.results.append(Decoded([reading("head", value=1), reading("gauge", value=1)]))
    site.intake.accept([(0x31, 0, b"bridge/x", str(len(site.bridge.results) - 1).encode())], NOW_NS)
    assert (site.sensor("head").removed, site.sensor("gauge").asleep) == (True, True)


def test_a_sleeping_device_is_not_lost() -> None:
    """Its last will follows its sleep and means nothing; after a message it is awake, and a last will counts."""
    site = Site()
    asleep, lost = Availability("head", online=False, asleep=True), Availability("head", online=False)
    site.intake.seal()
    for message in (Decoded([reading("head")]), Decoded(availability=[asleep]), Decoded(availability=[lost])):
        site.bridge.results.append(message)
        site.intake.accept([(0x30, 0, b"bridge/x", str(len(site.bridge.results) - 1).encode())], NOW_NS)
    sealed = site.intake.seal()
    assert sealed is not None
    assert rows_of(sealed.batch, site.catalog) == [("head", "smoke", 0.0), ("head", "online", 0.0)]
    assert sealed.batch.attributes == {1: {"asleep": True}}
    rows = site.send(Decoded([reading("head")]), Decoded(availability=[lost]))
    assert rows[-1] == ("head", "online", 0.0)


def test_each_loss_is_stored_once() -> None:
    """A repeated announcement changes nothing; after a message the next one is a loss again."""
    site = Site()
    lost, sent = Decoded(availability=[Availability("head", online=False)]), Decoded([reading("head")])
    rows = site.send(sent, lost, replace(lost), sent, lost)
    assert [metric for _, metric, _ in rows] == ["smoke", "online", "smoke", "online"]


def test_probes_are_behind_their_device_and_the_device_behind_its_gateway() -> None:
    """So a lost device is one alarm, and a lost gateway too."""
    site = Site()
    site.send(Decoded([reading("board/a", device="board"), reading("board/b", device="board")], gateway="bridge"))
    assert {name: site.sensor(name).gateway for name in ("board/a", "board/b", "board")} == {
        "board/a": "board", "board/b": "board", "board": "bridge",
    }  # fmt: skip


def test_a_declared_sensor_without_a_message_is_awaited_from_the_first_tick() -> None:
    """It has a code and a place; its own first message stores the format and the time."""
    site = Site()
    site.intake.tick(NOW_NS)
    site.intake.tick(NOW_NS)
    assert [row for row in site.rows() if row[1] == "awaited"] == [("head", "awaited", 1.0), ("gauge", "awaited", 1.0)]
    assert (site.sensor("head").first_ns, site.sensor("head").place) == (0, "room")
    site.send(Decoded([reading("head")]))
    assert (site.sensor("head").first_ns, site.sensor("head").format) == (NOW_NS, "bridge")
    assert "head" in {sensor.id for sensor in site.stored}


def test_a_declared_sensor_with_a_retained_state_alone_is_awaited() -> None:
    """The broker's copy proves no working device; a restart awaits nothing again."""
    site = Site()
    site.bridge.results.append(Decoded([reading("head")], availability=[Availability("head", online=False)]))
    site.intake.accept([(0x31, 0, b"bridge/x", b"0")], NOW_NS)
    site.intake.tick(NOW_NS)
    assert {row[0] for row in site.rows() if row[1] == "awaited"} == {"head", "gauge"}
    again = Catalog(DECLARED)
    again.load(list(site.catalog), [])
    assert again.enrol(10) == []


def test_a_device_cannot_announce_itself_as_awaited() -> None:
    """It would delay its own offline detection."""
    site = Site()
    site.intake.accept([(0x30, 0, b"campus/school-1/smoke/head", b'{"awaited": 1}')], NOW_NS)
    sealed = site.intake.seal()
    assert sealed is not None
    assert AWAITED not in sealed.batch.metric.tolist()


def test_without_its_declaration_a_sensor_has_no_place() -> None:
    """A row deleted from the campus file ends the place at the next start; another registry file keeps codes."""
    site = Site()
    site.send(Decoded([reading("head")]))
    again = Catalog(DECLARED[1:])
    again.load(list(site.catalog), [])
    found = again.find(SITE, "head")
    assert found is not None
    assert (found.place, found.period_s, found.declared) == ("", 0.0, False)


NAMES = ("a", "b", "c", "d")


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=12))
def test_any_order_of_renames_keeps_one_name_a_sensor(moves: list[tuple[str, str]]) -> None:
    """Ids stay unique, codes stay; a reload gives the same catalogue, and the renamings lead to the present names."""
    catalog = Catalog()
    names = {catalog.code(SITE, name, "smoke"): name for name in ("a", "b")}
    for old, new in moves:
        rename(catalog, SITE, old, new)
    present = [sensor for sensor in catalog if sensor.site == SITE]
    assert len({sensor.id for sensor in present}) == len(present) == len(names)
    assert all(catalog.find(SITE, sensor.id) == sensor for sensor in present)
    again = Catalog()
    again.load(list(catalog), [])
    assert list(again) == list(catalog)
    assert again.renamings() == catalog.renamings()
    followed = {name: code for code, name in names.items()}
    for _, _, old, new in catalog.renamings():
        followed[new] = followed.pop(old)
    assert {sensor.id: sensor.code for sensor in present} == followed
