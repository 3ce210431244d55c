"""Files of a data folder lost, swapped, cut, damaged or aged: fires page, or the start is refused.

Each way starts the service on an altered copy of one folder. No way ends with a fire unpaged and no report.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.reliability.folder_ways import (
    DATABASE,
    LOGS,
    PAGED_S,
    SMALL,
    STORE,
    Fires,
    Folders,
    aged,
    cut,
    foreign,
    foreign_store,
    garbage,
    gone,
    mode,
    prepare,
    together,
    written,
    zeroed,
)
from twinward.data_folder.files import STAMPED

PAGES = {
    **{f"{name} gone": gone(name) for name in (*LOGS, STORE, "installation.json", *SMALL)},
    **{f"{name} empty": written(name, lambda _: b"") for name in (*LOGS, *SMALL)},
    **{f"{name} garbage": written(name, garbage) for name in SMALL},
    **{f"{name} aged": aged(name) for name in (*LOGS, DATABASE, STORE)},
    "telemetry and head aged": aged("telemetry.sqlite", "telemetry.sqlite.head"),
    "both logs aged": aged(*LOGS),
    "both logs gone": together(*map(gone, LOGS)),
    "telemetry, head and store gone": together(*map(gone, ("telemetry.sqlite", "telemetry.sqlite.head", STORE))),
    "all aged": aged(*LOGS, DATABASE, STORE),
    "store foreign": foreign_store,
}
"""Ways after which the service starts and every fire pages."""
REFUSED = {
    **{f"{name} gone": gone(name) for name in (DATABASE,)},
    **{f"{name} empty": written(name, lambda _: b"") for name in (DATABASE, STORE, "installation.json")},
    **{f"{name} garbage": written(name, garbage) for name in (*LOGS, DATABASE, STORE, "installation.json")},
    **{f"{name} cut": written(name, cut) for name in (*LOGS, DATABASE)},
    **{f"{name} zeroed": written(name, zeroed) for name in (*LOGS, DATABASE)},
    **{f"{name} foreign": foreign(name) for name in STAMPED},
    **{
        f"{name} unreadable": mode(name, 0o000) for name in (*LOGS, DATABASE, STORE, "installation.json", "ingest.lock")
    },
    **{f"{name} read-only": mode(name, 0o400) for name in (*LOGS, DATABASE, STORE)},
    "data read-only": mode("", 0o500),
    "data unreadable": mode("", 0o000),
}
"""Ways after which the start is refused in one sentence that names the file and the command."""
ACTIONS = ("twinward recover", "delete it", "needs mode", "Permission denied")
UNPRIVILEGED = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
"""Prefix of a command that drops root's right to pass over file modes."""
SHORT = (
    "telemetry.sqlite gone",
    "telemetry.sqlite aged",
    "detections.sqlite gone",
    "detections.sqlite aged",
    "all aged",
)
"""Ways with a start of the service in a short run."""
REFUSED_SHORT = (
    "alerts.sqlite gone",
    "alerts.sqlite garbage",
    "telemetry.sqlite cut",
    "detections.sqlite zeroed",
    "telemetry.sqlite foreign",
    "readings.duckdb empty",
    "installation.json garbage",
    "alerts.sqlite read-only",
    "data unreadable",
)
"""Refusals in a short run: one of each kind, of varying files."""


@pytest.fixture
def fires(mosquitto: Any) -> Any:
    """Alarms through the broker."""
    made = Fires(mosquitto.port)
    yield made
    made.close()


@dataclass(frozen=True)
class Trial:
    """Means of the checks below."""

    folders: Folders
    fires: Fires
    sink: Any
    program: Any

    def fires_page(self, mark: str) -> None:
        """Start the service; check that new fires page."""
        self.folders.service.start()
        places = self.fires.raise_some(mark)
        self.program.until(lambda: places <= set(self.sink.alarms()), timeout_s=PAGED_S, what=f"every page, {mark}")
        assert self.folders.service.stop() == 0, mark

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the program on the folder."""
        command = [*UNPRIVILEGED, *self.program.command, *arguments, "--config", str(self.folders.service.config)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def refused(self, name: str) -> None:
        """Check that the start is refused in one sentence with the file and the command."""
        done = self.run("run")
        said = [line for line in done.stderr.splitlines() if line.startswith("twinward: ")]
        assert (done.returncode, len(said)) == (2, 1), (name, done.stderr)
        assert done.stderr.splitlines()[-1] == said[0], (name, done.stderr)
        assert name.split(" ", maxsplit=1)[0] in done.stderr, (name, done.stderr)
        assert any(text in done.stderr for text in ACTIONS), (name, done.stderr)

    def recovered(self) -> None:
        """Check that `recover` sets a damaged database and log aside, and deletes nothing."""
        data = self.folders.reset()
        written(DATABASE, garbage)(self.folders, data)
        written("telemetry.sqlite", cut)(self.folders, data)
        done = self.run("recover", "--json", "--new-database", "--set-aside", "telemetry.sqlite")
        assert done.returncode == 0, done.stderr
        assert len(json.loads(done.stdout)["repairs"]) >= 3
        kept = {path.name.partition(".aside-")[0] for path in data.glob("*.aside-*")}
        assert kept >= {"telemetry.sqlite", DATABASE}
        self.fires_page("recovered")


@pytest.mark.broker
def test_altered_files_neither_hide_a_fire_nor_start_silently(  # noqa: PLR0917 - fixtures
    mosquitto: Any, rig: Any, sink: Any, notify: str, fires: Fires, run_twinward: Any, tmp_path: Path
) -> None:
    """After each way of PAGES new fires page; after each of REFUSED the start is refused until `recover`."""
    service = rig.loose_service(mosquitto.url, extra=notify)
    folders = prepare(service, fires, sink, run_twinward.until, tmp_path)
    trial = Trial(folders, fires, sink, run_twinward)
    for number, name in enumerate(PAGES if rig.long else SHORT):
        PAGES[name](folders, folders.reset())
        trial.fires_page(f"fire-{number}")
    refusals = REFUSED if rig.long else REFUSED_SHORT
    for name in refusals:
        REFUSED[name](folders, folders.reset())
        trial.refused(name)
        service.data.chmod(0o700)
    trial.recovered()
    rig.report(paged=len(PAGES if rig.long else SHORT), refused=len(refusals))
