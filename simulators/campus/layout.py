"""Layout of the seeded school: zones with their outlines, places and devices.

Metres, origin in the south-west.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SIZE_M = (300, 200)

Polygon = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Zone:
    """One area of the layout."""

    id: str
    key: str
    name_zh: str
    name_en: str
    polygon: Polygon


@dataclass(frozen=True, slots=True)
class Spot:
    """One place in a zone with its devices: (device id, kind, model, profile)."""

    zone: str
    id: str
    name_zh: str
    name_en: str
    xy: tuple[float, float]
    floor: int
    devices: tuple[tuple[str, str, str, str], ...]


def _box(left: float, bottom: float, right: float, top: float) -> Polygon:
    return ((left, bottom), (right, bottom), (right, top), (left, top))


ZONES = (
    Zone("gate-south", "gate", "南大门", "South gate", _box(138, 2, 176, 14)),
    Zone("gate-east", "gate", "东门", "East gate", _box(288, 88, 298, 110)),
    Zone("office", "office", "行政楼", "Administration", _box(188, 22, 240, 40)),
    Zone("teaching-1", "classroom", "1号教学楼", "Teaching building 1", _box(112, 54, 196, 70)),
    Zone("teaching-2", "classroom", "2号教学楼", "Teaching building 2", _box(112, 82, 196, 98)),
    Zone("laboratory", "laboratory", "实验楼", "Laboratory building", _box(212, 54, 262, 72)),
    Zone("library", "library", "图书馆", "Library", _box(212, 84, 256, 112)),
    Zone(
        "sports", "sports", "操场", "Sports ground",
        ((28, 34), (72, 34), (86, 48), (86, 104), (72, 118), (28, 118), (14, 104), (14, 48)),
    ),
    Zone("dorm-1", "dormitory", "1号宿舍楼", "Dormitory 1", _box(14, 134, 92, 152)),
    Zone("dorm-2", "dormitory", "2号宿舍楼", "Dormitory 2", _box(14, 166, 92, 184)),
    Zone(
        "canteen", "canteen", "食堂", "Canteen",
        ((108, 136), (158, 136), (158, 152), (142, 152), (142, 176), (108, 176)),
    ),
    Zone(
        "pond", "water", "荷花池", "Lotus pond",
        ((184, 150), (198, 134), (222, 130), (244, 138), (252, 156), (242, 174), (216, 182), (192, 172)),
    ),
    Zone("pump-room", "utility", "水泵房", "Pump room", _box(268, 130, 286, 144)),
    Zone("power-room", "power", "配电房", "Power room", _box(268, 156, 286, 170)),
)  # fmt: skip


def spots() -> Iterator[Spot]:
    """Yield every place of the school."""
    yield from _gates()
    yield from _dormitory("dorm-1", "1号宿舍", "Dormitory 1", 134)
    yield from _dormitory("dorm-2", "2号宿舍", "Dormitory 2", 166)
    yield from _canteen()
    yield from _teaching("teaching-1", "1号教学楼", "Teaching building 1", 54)
    yield from _teaching("teaching-2", "2号教学楼", "Teaching building 2", 82)
    yield from _special_rooms()
    yield from _water()


def _gates() -> Iterator[Spot]:
    lanes = tuple((f"gate-south-lane{n}", "gate", "turnstile", "") for n in (1, 2, 3))
    wicket = (("gate-south-wicket", "gate", "door", ""), ("cam-gate-south", "camera", "camera", ""))
    yield Spot("gate-south", "gate-south", "南大门通道", "South gate lanes", (157, 8), 1, lanes + wicket)
    east = (("gate-east-door", "gate", "door", ""), ("cam-gate-east", "camera", "camera", ""))
    yield Spot("gate-east", "gate-east", "东门门岗", "East gate post", (293, 99), 1, east)
    field = (("cam-sports", "camera", "camera", ""),)
    yield Spot("sports", "sports-field", "操场看台", "Sports ground stand", (50, 76), 1, field)


def _dormitory(zone: str, zh: str, en: str, bottom: float) -> Iterator[Spot]:
    short = zone.replace("-", "")
    entry = ((f"gate-{short}", "gate", "door", ""), (f"cam-{short}", "camera", "camera", ""))
    yield Spot(zone, f"{short}-entry", f"{zh}楼门", f"{en}, entrance", (90, bottom + 9), 1, entry)
    stair = ((f"socket-{short}-stair", "env", "socket", ""), (f"cam-{short}-stair", "camera", "camera", "stairs"))
    yield Spot(zone, f"{short}-stair", f"{zh}楼梯间", f"{en}, stairwell", (88, bottom + 15), 1, stair)
    for floor in (1, 2, 3):
        for room in range(1, 7):
            number = floor * 100 + room
            xy = (14 + 12 * room - 5, bottom + 6 * floor - 3)
            head = ((f"smoke-{short}-{number}", "smoke", "smoke", ""),)
            yield Spot(zone, f"{short}-{number}", f"{zh}{number}室", f"{en}, room {number}", xy, floor, head)


def _canteen() -> Iterator[Spot]:
    kitchen = tuple((f"smoke-kitchen-{n}", "smoke", "smoke", "kitchen") for n in (1, 2))
    climate = (("env-kitchen", "env", "room", ""), ("gate-canteen-back", "gate", "door", ""))
    yield Spot("canteen", "kitchen", "食堂后厨", "Canteen kitchen", (118, 166), 1, kitchen + climate)
    hall = (("smoke-hall-1", "smoke", "smoke", ""), ("smoke-hall-2", "smoke", "smoke", ""))
    yield Spot(
        "canteen", "hall", "食堂餐厅", "Canteen hall", (140, 144), 1, (*hall, ("cam-hall", "camera", "camera", ""))
    )


def _teaching(zone: str, zh: str, en: str, bottom: float) -> Iterator[Spot]:
    short = zone.replace("teaching-", "t")
    for floor in (1, 2, 3):
        head: tuple[tuple[str, str, str, str], ...] = ((f"smoke-{short}-stair{floor}", "smoke", "smoke", ""),)
        if floor == 1:
            head += ((f"cam-{short}-stair", "camera", "camera", "stairs"),)
        xy = (191.0, bottom + 4 * floor)
        yield Spot(
            zone, f"{short}-stair{floor}", f"{zh}{floor}层楼梯间", f"{en}, stairwell floor {floor}", xy, floor, head
        )
        for room in (1, 2, 3):
            number = floor * 100 + room
            air = ((f"env-{short}-{number}", "env", "room", ""),)
            place = (112 + 20 * room, bottom + 4 * floor)
            yield Spot(zone, f"{short}-{number}", f"{zh}{number}教室", f"{en}, classroom {number}", place, floor, air)


def _special_rooms() -> Iterator[Spot]:
    for number, zh, en, left in ((1, "化学实验室", "Chemistry laboratory", 222), (2, "药品库", "Chemicals store", 250)):
        devices = [(f"smoke-lab-{number}", "smoke", "smoke", ""), (f"gate-lab-{number}", "gate", "door", "")]
        yield Spot("laboratory", f"lab-{number}", zh, en, (left, 63), 1, tuple(devices))
    books = (("smoke-library-1", "smoke", "smoke", ""), ("env-library", "env", "room", ""))
    yield Spot("library", "library-hall", "图书馆阅览室", "Library reading room", (234, 98), 1, books)
    archive = (("smoke-office-1", "smoke", "smoke", ""),)
    yield Spot("office", "archive", "档案室", "Archive", (228, 31), 2, archive)
    panel = (("panel-main", "device", "panel", ""),)
    yield Spot("office", "control-room", "消防控制室", "Fire control room", (198, 31), 1, panel)
    power = (("smoke-power-1", "smoke", "smoke", ""), ("env-power", "env", "room", ""))
    yield Spot("power-room", "switchgear", "配电柜间", "Switchgear", (277, 163), 1, power)


def _water() -> Iterator[Spot]:
    rail = (("water-pond-1", "water", "pond", ""), ("rain-pond", "water", "rain", ""))
    watch = (("cam-pond-1", "camera", "camera", "waterside"),)
    yield Spot("pond", "pond-rail", "荷花池南护栏", "Lotus pond, south rail", (218, 136), 1, rail + watch)
    bridge = (("water-pond-2", "water", "pond", ""), ("cam-pond-2", "camera", "camera", "waterside"))
    yield Spot("pond", "pond-bridge", "荷花池木桥", "Lotus pond, wooden bridge", (206, 168), 1, bridge)
    pump = (("pipe-main", "water", "pipe", ""), ("leak-pump", "water", "leak", ""))
    yield Spot("pump-room", "pumps", "水泵房", "Pumps", (277, 137), 1, pump)
    riser = (("pipe-pump-riser", "water", "pipe", ""),)
    yield Spot("pump-room", "hydrant-riser", "消火栓立管", "Hydrant riser", (272, 141), 1, riser)
