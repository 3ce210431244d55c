"""Campus file: records, or all errors together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alerts import Registry, RegistryError, load_registry, read_registry
from detectors import Phase


def test_a_correct_file_yields_places_in_their_zones(campus: dict[str, Any]) -> None:
    """Ids are unique within a site, not over all sites."""
    registry = read_registry(campus)
    assert registry.zone_of("school-1", "bank").id == "pond"
    assert registry.zone_of("school-2", "d-101").site == "school-2"
    assert registry.place_name("school-1", "d-101") == {"zh": "101室", "en": "Room 101"}


def test_no_file_is_an_empty_registry() -> None:
    """A service without a campus file runs; every sensor is unassigned."""
    assert load_registry(None) == Registry()
    assert Registry().place_name("s", "unassigned:a/b")["en"] == "unassigned sensor a/b"


def test_all_errors_are_reported_together_with_allowed_values(campus: dict[str, Any]) -> None:
    """Unknown tables and keys, missing and mistyped values, wrong kinds, falling limits, dangling references."""
    campus["room"] = []
    campus["site"].append({"id": 7})
    campus["zone"].append({"site": "nowhere", "id": "z", "colour": "red"})
    campus["place"].append({"site": "school-1", "zone": "none", "id": "p", "xy": [1]})
    campus["place"].append({"site": "school-1", "zone": "none", "id": "q"})
    campus["sensor"].append({"site": "school-1", "id": "s", "kind": "smell"})
    campus["sensor"].append({"site": "school-1", "id": "u", "kind": "smoke", "place": "gone"})
    campus["calendar"] = {"open": "6h"}
    campus["sensor"].append({"site": "school-1", "id": "t", "kind": "water", "limits": {"level": [2, 1, 3]}})
    with pytest.raises(RegistryError) as caught:
        read_registry(campus)
    told = "\n".join(caught.value.errors)
    for part in (
        "room: unknown key; allowed is site",
        "site 7.id = 7: allowed is a text",
        "zone z.colour: unknown key; allowed is site, id",
        "place p.xy = [1]: allowed is a list [a number, a number]",
        "place q.zone = 'none': allowed is the id of a [[zone]]",
        "sensor s.kind = 'smell': allowed is one of smoke, gate, water",
        "sensor u.place = 'gone': allowed is the id of a [[place]]",
        "sensor t.limits.level = [2, 1, 3]: allowed is a list of one to three numbers, rising or falling",
        "calendar.open = '6h': allowed is a time of day",
    ):
        assert part in told, told


def test_two_zones_of_one_id_are_refused(campus: dict[str, Any]) -> None:
    """The later one would hide the earlier one."""
    campus["zone"].append(dict(campus["zone"][0]))
    with pytest.raises(RegistryError, match=r"zone .*/.*: the id is used twice"):
        read_registry(campus)


@pytest.mark.parametrize("content", [b"site = [", b"\xff\xfe", b"site = 3"])
def test_a_file_that_is_no_campus_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    """Torn TOML, wrong bytes and wrong shapes end as RegistryError, nothing else."""
    path = tmp_path / "campus.toml"
    path.write_bytes(content)
    with pytest.raises(RegistryError):
        load_registry(path)
    with pytest.raises(RegistryError):
        load_registry(tmp_path / "absent.toml")


def test_hazards_of_a_site_are_graded_by_its_method(make_world: Any, campus: dict[str, Any], seen: Any) -> None:
    """LEC grades by its live table; an unknown method of a site is an error."""
    campus["site"][0]["method"] = "lec"
    world = make_world()
    world.registry = read_registry(campus)
    world.reopen()
    world.feed(seen(Phase.RAISE), seen(Phase.RAISE, site="school-2", at_s=1))
    found = {hazard.site: (hazard.grade.colour, hazard.method, hazard.severity) for hazard in world.hazards}
    assert found == {"school-1": ("red", "lec 2", 40), "school-2": ("red", "ls 1", 5)}
    campus["site"][0]["method"] = "fmea"
    with pytest.raises(RegistryError, match="allowed is one of"):
        read_registry(campus)


@pytest.mark.parametrize(
    ("key", "stairs", "one"),
    [
        ("dormitory", ("", ""), True),
        ("classroom", ("", ""), True),
        ("laboratory", ("", ""), False),
        ("", ("", ""), False),
        ("laboratory", ("east", "east"), True),
        ("dormitory", ("east", "west"), False),
        ("dormitory", ("east", ""), False),
    ],
)
def test_rooms_of_one_stair(key: str, stairs: tuple[str, str], *, one: bool) -> None:
    """By the key `stair` of the places, else by the key of their zone."""
    rooms = [{"site": "s", "zone": "z", "id": f"r{n}", "stair": stair} for n, stair in enumerate(stairs)]
    table = {"site": [{"id": "s"}], "zone": [{"site": "s", "id": "z", "key": key}], "place": rooms}
    assert read_registry(table).one_stair("s", "r0", "r1") is one
