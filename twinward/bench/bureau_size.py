"""Size of a synthetic bureau, and the ids of its schools, zones and places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
ZONES, PLACES = 6, 12
"""Of each school; a place belongs to a zone."""


@dataclass(frozen=True, slots=True)
class Size:
    """Size of the bureau. tickets: open ones of all schools."""

    schools: int
    tickets: int

    @classmethod
    def of(cls, schools: int) -> Size:
        """Return the size with 200,000 tickets for 3,000 schools."""
        return cls(schools, max(1, schools * 200_000 // 3_000))

    def campus(self) -> dict[str, Any]:
        """Return the campus file of the schools, ten to a district, with one smoke detector in each place."""
        names = [site_of(number) for number in range(self.schools)]
        return {
            "site": [
                {"id": name, "name_zh": f"第{number}小学", "district": f"district-{number // 10}", "pupils": 900}
                for number, name in enumerate(names)
            ],
            "zone": [{"site": name, "id": f"zone-{n}", "key": "dormitory"} for name in names for n in range(ZONES)],
            "place": [
                {"site": name, "zone": zone_of(n), "id": f"room-{n}", "name_zh": f"{n}室", "name_en": f"Room {n}"}
                for name in names
                for n in range(PLACES)
            ],
            "sensor": [
                {"site": name, "id": f"smoke-{n}", "kind": "smoke", "place": f"room-{n}"}
                for name in names
                for n in range(PLACES)
            ],
        }


def site_of(number: int) -> str:
    """Return the id of a school."""
    return f"school-{number:04d}"


def zone_of(place: int) -> str:
    """Return the id of the zone of a place."""
    return f"zone-{place % ZONES}"
