"""Files of a running service removed, replaced or cut: fires page, and the fault is reported.

No way ends with a fire unpaged and no report within 10 s. Each way starts a service of its own on one folder.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.reliability.folder_ways import (
    DATABASE,
    LOGS,
    PAGED_S,
    STORE,
    Fires,
    Folders,
    Way,
    emptied,
    prepare,
    renamed,
    replaced,
)
from twinward.data_folder.files import STAMPED

REPORTED_S, SLACK_S = 10, 5
"""Bound of a report; a short run shares its machine."""
JOURNALS = tuple(f"{name}{suffix}" for name in STAMPED for suffix in ("-wal", "-shm"))
LOCKS = ("ingest.lock", "detect.lock", "alert.lock")
WAYS: dict[str, Way] = {
    **{f"{name} removed": renamed(name) for name in (*STAMPED, *JOURNALS, *LOCKS, STORE, "installation.json")},
    **{f"{name} replaced": replaced(name) for name in (*STAMPED, STORE, *LOCKS)},
    **{f"{name} cut": emptied(name, 0.5) for name in (*LOGS, DATABASE)},
    **{f"{name} emptied": emptied(name, 0) for name in (*LOGS, DATABASE)},
}
"""Ways to alter the files under a running service."""
SHORT = ("telemetry.sqlite removed", "detections.sqlite emptied", "alerts.sqlite replaced")


@pytest.fixture
def fires(mosquitto: Any) -> Iterator[Fires]:
    """Alarms through the broker."""
    made = Fires(mosquitto.port)
    yield made
    made.close()


def reported(service: Any, sink: Any, since_s: float) -> bool:
    """Return whether `/readyz` answers 503 and the channel received a red service fault since that time."""
    notices = [data for at_s, _, data in sink.of_type("service.fault") if at_s > since_s]
    try:
        red = httpx.get(f"{service.url}/readyz", timeout=5).status_code == 503
    except httpx.TransportError:
        return False
    return red and bool(notices)


@pytest.mark.broker
def test_altered_files_of_a_running_service_are_reported_and_fires_page(  # noqa: PLR0917 - fixtures
    mosquitto: Any, rig: Any, sink: Any, notify: str, fires: Fires, run_twinward: Any, tmp_path: Path
) -> None:
    """Fires before and after the report page; `/readyz` and the channel report within 10 s."""
    service = rig.loose_service(mosquitto.url, extra=notify)
    folders: Folders = prepare(service, fires, sink, run_twinward.until, tmp_path)
    slowest_s = 0.0
    for number, name in enumerate(WAYS if rig.long else SHORT):
        folders.reset()
        service.start()
        places = fires.raise_some(f"before-{number}")
        rig.until(lambda wanted=places: wanted <= set(sink.alarms()), timeout_s=PAGED_S, what=f"pages before {name}")
        begun_s = time.monotonic()
        WAYS[name](folders, service.data)
        places = fires.raise_some(f"after-{number}")
        rig.until(
            lambda since_s=begun_s: reported(service, sink, since_s),
            timeout_s=REPORTED_S + SLACK_S,
            what=f"report of {name}",
        )
        slowest_s = max(slowest_s, time.monotonic() - begun_s)
        places |= fires.raise_some(f"later-{number}")
        rig.until(lambda wanted=places: wanted <= set(sink.alarms()), timeout_s=PAGED_S, what=f"pages after {name}")
        service.data.chmod(0o700)
        service.end()
    rig.report(ways=len(WAYS if rig.long else SHORT), reported_after_s=round(slowest_s, 1))
    assert slowest_s <= REPORTED_S or not rig.long
    assert os.access(service.data, os.W_OK)
