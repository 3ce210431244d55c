"""Recorded fires and floods, played through a real broker, open exactly one ticket each."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

FIRES = ("100kW_Open_Back_1", "250kW_Closed_Corner_2", "500kW_Open_Side_1", "Overstuffed_Closed_Center_2")
QUADRANTS = "ABCD"
FLOODS = 20
METRES_PER_INCH = 0.0254
START = datetime(2026, 1, 1, tzinfo=UTC)
"""Common start of all recordings: one playback contains recordings from different years."""

Row = tuple[str, str, str, str, str]
HEADER = ("sensor", "kind", "metric", "time", "value")


def fire_rows(folder: Path, name: str, *, quiet_only: bool) -> Iterator[tuple[float, Row]]:
    """Yield the ceiling temperatures of one experiment, in the form of smoke detectors with a heat element."""
    with gzip.open(folder / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            second = float(line["Time"])
            if quiet_only and second >= 0:
                return
            for quadrant in QUADRANTS:
                value = line[f"Quadrant {quadrant} Temperature 25 mm Below Ceiling"]
                yield second, (f"{name}_{quadrant}", "smoke", "temperature", stamp(second + 120), value)


def flood_rows(folder: Path) -> Iterator[tuple[str, list[tuple[float, Row]]]]:
    """Yield (sensor, rows) of the first episodes above four inches, one sensor each."""
    with gzip.open(folder / "flood-events.csv.gz", "rt", encoding="utf-8") as file:
        crossing = (line for line in csv.DictReader(file) if float(line["max_depth_inches"]) > 4)
        for number, line in zip(range(FLOODS), crossing, strict=False):
            sensor = f"flood-{number:02d}"
            depths = json.loads(line["flood_profile_depth_inches"])
            seconds = json.loads(line["flood_profile_time_secs"])
            yield (
                sensor,
                [
                    (second, (sensor, "water", "depth", stamp(second), f"{depth * METRES_PER_INCH:.4f}"))
                    for second, depth in zip(seconds, depths, strict=True)
                ],
            )


def stamp(second: float) -> str:
    """Return the second of the recording in RFC 3339."""
    return (START + timedelta(seconds=second)).isoformat(timespec="milliseconds")


def written(path: Path, rows: list[tuple[float, Row]]) -> Path:
    """A recording as `simulate --csv` takes it, in order of time."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    writer.writerows(row for _, row in sorted(rows, key=lambda pair: pair[0]))
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def campus(fires: tuple[str, ...], floods: list[str]) -> str:
    """Return a campus with the four heads of an experiment in one room, and a place for each gauge."""
    text = (
        '[[site]]\nid = "lab"\nname_zh = "实验楼"\nname_en = "Laboratory"\n'
        'district = "d1"\ncity = "c1"\nsize_m = [200, 100]\n'
        '[[zone]]\nsite = "lab"\nid = "z"\nname_zh = "试验区"\nname_en = "Test area"\nkey = "laboratory"\n'
        'polygon = [[0, 0], [200, 0], [200, 100], [0, 100]]\nofficer = "officer"\nfixer = "fixer"\n'
    )
    for number, name in enumerate((*fires, *floods)):
        text += (
            f'[[place]]\nsite = "lab"\nzone = "z"\nid = "{name}"\nname_zh = "{name}"\nname_en = "{name}"\n'
            f"xy = [{number * 5}, 10]\nfloor = 1\n"
        )
    heads = [(f"{name}_{quadrant}", "smoke", name) for name in fires for quadrant in QUADRANTS]
    for sensor, kind, place in (*heads, *((flood, "water", flood) for flood in floods)):
        text += f'[[sensor]]\nsite = "lab"\nid = "{sensor}"\nkind = "{kind}"\nplace = "{place}"\n'
    return text


def play(twinward: list[str], broker: str, recording: Path, *, speed: float) -> None:
    """Play a recording into the broker and wait for its end."""
    arguments = ["simulate", "--broker", broker, "--csv", str(recording), "--speed", str(speed), "--site", "lab"]
    done = subprocess.run([*twinward, *arguments], capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr


def settled(client: httpx.Client, broker_rows: int) -> Callable[[], bool]:
    """Return a check that all played readings are stored and scored."""

    def check() -> bool:
        total = client.get("/accounting").json()["total"]
        return bool(total["stored"] >= broker_rows)

    return check


def tickets(client: httpx.Client) -> list[dict[str, Any]]:
    """Return all tickets of the site."""
    items: list[dict[str, Any]] = client.get("/tickets", params={"limit": 200}).json()["items"]
    return items


@pytest.mark.broker
@pytest.mark.shared
def test_each_fire_and_flood_opens_one_ticket_and_quiet_none(
    mosquitto: Any, make_service: Any, shared_dir: Path, tmp_path: Path, run_twinward: Any
) -> None:
    """Four fires and twenty floods give 24 tickets, each on its own place and hazard; the quiet minutes give none."""
    fires, floods = (
        shared_dir / "data" / "fsri-compartment-fires",
        dict(flood_rows(shared_dir / "data" / "floodnet-events")),
    )
    quiet = [row for name in FIRES for row in fire_rows(fires, name, quiet_only=True)]
    whole = [row for name in FIRES for row in fire_rows(fires, name, quiet_only=False)]
    water = [row for rows in floods.values() for row in rows]
    service = make_service(mosquitto.url, campus=campus(FIRES, list(floods)))
    service.start()
    client = service.client()

    play(run_twinward.command, mosquitto.url, written(tmp_path / "quiet.csv", quiet), speed=30)
    run_twinward.until(settled(client, len(quiet)), timeout_s=30, what="quiet part stored")
    assert tickets(client) == []

    play(run_twinward.command, mosquitto.url, written(tmp_path / "fires.csv", whole), speed=60)
    play(run_twinward.command, mosquitto.url, written(tmp_path / "floods.csv", water), speed=900)
    run_twinward.until(settled(client, len(quiet) + len(whole) + len(water)), timeout_s=60, what="recordings stored")
    run_twinward.until(lambda: len(tickets(client)) >= len(FIRES) + FLOODS, timeout_s=30, what="tickets opened")
    opened = sorted((ticket["kind"], ticket["place"]) for ticket in tickets(client))
    assert opened == sorted([("fire", name) for name in FIRES] + [("flood", name) for name in floods])
    assert all(ticket["evidence"] for ticket in (client.get(f"/tickets/{t['id']}").json() for t in tickets(client)))
    total = client.get("/accounting").json()["total"]
    assert total["residual"] == 0
