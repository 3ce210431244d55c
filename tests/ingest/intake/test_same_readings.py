"""Any split, order, repetition and restart of the same messages gives the same stored readings."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import BatchSettings, Catalog, Counts, Intake, Memory, MessageKeys, Sealed, SpoolChanges, Spooled, residual
from ingest.decode import decoders

NOW_NS = 1_790_000_000_000_000_000
NOW_MS = NOW_NS // 1_000_000
Frame = tuple[int, int, bytes, bytes]
Row = tuple[str, str, str, int, float, int]


@dataclass
class Durable:
    """Durable state of a log: catalogue, keys, memory, spooled messages, and every stored row by name."""

    catalog: Catalog = field(default_factory=Catalog)
    keys: list[int] = field(default_factory=list)
    memory: dict[tuple[str, str], bytes | None] = field(default_factory=dict)
    rows: Counter[Row] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    spool: dict[int, Spooled] = field(default_factory=dict)
    spooled: int = 0

    def open_intake(self) -> Intake:
        """Open an intake from the durable state."""
        catalog = Catalog()
        catalog.load(list(self.catalog), [])
        self.catalog = catalog
        memory = [(*key, value) for key, value in self.memory.items() if value is not None]
        batch = BatchSettings(age_s=10)
        known = {"recent_keys": self.keys, "memory": memory, "spooled": len(self.spool)}
        return Intake(catalog, decoders(("senml", "frigate")), batch=batch, **known)

    def resume(self, intake: Intake) -> bool:
        """Let the intake accept the next spooled block; return False without one."""
        block = next((block for number, block in self.spool.items() if number > intake.spool.taken_id), None)
        if block is not None:
            intake.resume(block, NOW_NS)
        return block is not None

    def append(self, sealed: Sealed | None) -> None:
        """Append a batch to the log."""
        if sealed is None:
            return
        assert not any(residual(sealed.of(Counts).rows).values())
        self.keys += sealed.of(MessageKeys).keys
        self.memory.update(sealed.of(Memory).values)
        for arrival_ns, packed in sealed.of(SpoolChanges).added:
            self.spooled += 1
            self.spool[self.spooled] = Spooled(self.spooled, arrival_ns, packed)
        for number in sealed.of(SpoolChanges).removed:
            del self.spool[number]
        for count, rows in sealed.of(Counts).rows.items():
            self.outcomes[count.reason or count.outcome] += rows
        batch = sealed.batch
        for row in range(len(batch)):
            sensor = self.catalog[int(batch.sensor[row])]
            metric = self.catalog.metric_of(int(batch.metric[row])).name
            row_values = int(batch.time_ns[row]), float(batch.value[row]), int(batch.quality[row])
            self.rows[sensor.site, sensor.id, metric, *row_values] += 1


names = st.sampled_from(["a", "b", "c.1", "d_2"])
moments = st.integers(NOW_MS - 3_600_000, NOW_MS)
values = st.one_of(st.floats(-40, 125, allow_nan=False).map(lambda value: round(value, 3)), st.integers(0, 90))


@st.composite
def native(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Return an object, or an array of objects, with its own time."""
    count = draw(st.integers(1, 4))
    items = [{"time": draw(moments), "temperature": draw(values), "co": draw(st.integers(0, 50))} for _ in range(count)]
    content = items[0] if count == 1 else items
    return f"campus/s{draw(st.integers(1, 2))}/env/{draw(names)}".encode(), json.dumps(content).encode()


@st.composite
def senml(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Return a pack with absolute times."""
    name = draw(names)
    pack = [{"bn": f"{name}/", "bt": draw(moments) / 1000, "n": "temperature", "u": "Cel", "v": draw(values)}]
    return f"campus/senml/{name}".encode(), json.dumps(pack).encode()


@settings(deadline=None, max_examples=150)
@given(st.lists(st.one_of(native(), senml()), min_size=1, max_size=25), st.data())
def test_the_same_readings_are_stored(messages: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    """Each reading is stored once, for any behaviour of network, broker, load and power."""
    plain = Durable()
    intake = plain.open_intake()
    distinct = list(dict.fromkeys(messages))
    intake.accept([(0x02, number + 1, *message) for number, message in enumerate(distinct)], NOW_NS)
    plain.append(intake.seal())
    assert sum(plain.rows.values()) == plain.outcomes["stored"] > 0

    shaken = Durable()
    intake = shaken.open_intake()
    copies = data.draw(st.lists(st.sampled_from(distinct), max_size=20))
    order = data.draw(st.permutations([*distinct, *copies]))
    unsealed: list[Frame] = []
    for number, message in enumerate(order):
        frame: Frame = (0x02 | data.draw(st.sampled_from([0, 0x08])), 1 + number % 7, *message)
        intake.accept([frame], NOW_NS + number, behind=data.draw(st.booleans()))
        unsealed.append(frame)
        act = data.draw(st.sampled_from(["go on", "go on", "resume", "seal", "crash", "restart"]))
        if act == "resume":
            shaken.resume(intake)
        if act in {"seal", "restart"}:
            shaken.append(intake.seal())
            unsealed = []
        if act in {
            "crash",
            "restart",
        }:  # messages that were not durable were not acknowledged: the broker redelivers them
            intake = shaken.open_intake()
            intake.accept(
                [(flags | 0x08, packet, topic, payload) for flags, packet, topic, payload in unsealed], NOW_NS
            )
    shaken.append(intake.seal())
    while shaken.resume(intake):
        shaken.append(intake.seal())
    assert not shaken.spool
    assert not intake.spool.waiting
    assert shaken.rows == plain.rows
    assert shaken.outcomes["stored"] == plain.outcomes["stored"]
