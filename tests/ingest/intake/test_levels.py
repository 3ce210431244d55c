"""Levels of distance sensors with a mounting height."""

from __future__ import annotations

import json

import pytest

from ingest import METRIC_BY_NAME, Catalog, Intake, Quality, Sensor

NOW_NS = 1_790_000_000_000_000_000
LEVEL = METRIC_BY_NAME["level"].code


def sealed(catalog: Catalog, *messages: tuple[str, object]) -> list[tuple[str, str, float, int]]:
    """Return sensor, metric, value and quality of the stored rows."""
    intake = Intake(catalog)
    intake.accept([(0, 0, topic.encode(), json.dumps(body).encode()) for topic, body in messages], NOW_NS)
    found = intake.seal()
    assert found is not None
    batch = found.batch
    return [
        (catalog[sensor].id, catalog.metric_of(metric).name, round(value, 6), quality)
        for sensor, metric, value, quality in zip(
            *(getattr(batch, name).tolist() for name in ("sensor", "metric", "value", "quality")), strict=True
        )
    ]


def test_height_turns_distance_into_level() -> None:
    """The level follows its distance, on both paths; other sensors keep their rows alone."""
    catalog = Catalog([Sensor(0, "culvert", "s", "water", height_m=3.0), Sensor(0, "weir", "s", "water")])
    one, other = "campus/s/water/culvert", "campus/s/water/weir"
    rows = sealed(
        catalog,
        (one, {"seq": 1, "distance": 2.8, "battery": 90}),
        (other, {"seq": 1, "distance": 1.0}),
        (one, {"seq": 2, "distance": 0.5}),
    )
    assert rows == [
        ("culvert", "distance", 2.8, 0), ("culvert", "level", 0.2, 0), ("culvert", "battery", 90.0, 0),
        ("weir", "distance", 1.0, 0), ("culvert", "distance", 0.5, 0), ("culvert", "level", 2.5, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "quality"), [({"distance": 900}, Quality.FAULT), ({"distance": 1, "test": True}, Quality.TEST)]
)
def test_level_has_the_quality_of_its_distance(body: dict[str, object], quality: Quality) -> None:
    """A faulty distance makes no good level, a test no flood."""
    catalog = Catalog([Sensor(0, "culvert", "s", "water", height_m=3.0)])
    rows = sealed(catalog, ("campus/s/water/culvert", body))
    assert [row[3] for row in rows if row[1] in ("distance", "level")] == [quality, quality]


def test_height_declared_after_the_first_message_counts() -> None:
    """A change of the campus file applies to the next batch."""
    catalog = Catalog()
    topic = "campus/s/water/culvert"
    assert len(sealed(catalog, (topic, {"distance": 2.0}))) == 1
    code = catalog.code("s", "culvert", "water")
    catalog.update(Sensor(code, "culvert", "s", "water", height_m=2.5))
    assert sealed(catalog, (topic, {"distance": 2.1}))[1] == ("culvert", "level", 0.4, 0)
