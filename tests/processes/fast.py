"""`twinward run` under a fast clock that goes on over a restart: the program and its service."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from twinward.commands.run import end_signal, first_account, wait_for_end
from twinward.commands.set_up import SetUp
from twinward.service import Service as Running
from twinward.settings import read_settings

from .service import Service

ROOT = Path(__file__).resolve().parents[2]


class FastClock:
    """A clock of several processes, whose speed a test changes. Times are ns since 1970 UTC."""

    def __init__(self, file: Path, begin_ns: int = 0) -> None:
        """file: has a time of this clock, the real time at that moment, and the speed since; made unless it exists.

        begin_ns: the first time of a new clock, which runs as fast as the real one.
        """
        self._file, self._read_ns = file, 0
        self._begin_ns, self._anchor_ns, self.speed = begin_ns, time.time_ns(), 1.0
        if not file.exists():
            self.run(1.0)

    def __call__(self) -> int:
        """Return its time."""
        written_ns = self._file.stat().st_mtime_ns
        if written_ns != self._read_ns:
            begin, anchor, speed = self._file.read_text("utf-8").split()
            self._begin_ns, self._anchor_ns, self.speed = int(begin), int(anchor), float(speed)
            self._read_ns = written_ns
        return self._begin_ns + int((time.time_ns() - self._anchor_ns) * self.speed)

    def run(self, speed: float) -> None:
        """Go on at another speed, in every process."""
        now_ns = self() if self._file.exists() else self._begin_ns
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{now_ns} {time.time_ns()} {speed}", "utf-8")
        fresh.replace(self._file)

    def wait_until(self, time_ns: int, *, meanwhile: Callable[[float], object] = time.sleep) -> None:
        """Block until it shows the time. meanwhile: waits some seconds."""
        while (left_s := (time_ns - self()) / self.speed / 1e9) > 0:
            meanwhile(min(left_s, 0.25))


class FastService(Service):
    """A service whose process runs under a fast clock."""

    clock_file: Path

    def spawn(self, role: str = "all") -> None:
        """Start the process without a wait."""
        with self.log.open("ab") as log:
            self.processes[role] = subprocess.Popen(
                [sys.executable, "-m", "tests.processes.fast", str(self.config), str(self.clock_file)],
                stdout=log,
                stderr=log,
                env=self.environment,
                cwd=ROOT,
            )


def main(config: str, clock: str) -> None:
    """Run the service of a configuration until a signal."""
    ended = end_signal()
    settings = read_settings(Path(config), os.environ)
    service = Running(settings, clock=FastClock(Path(clock)))
    service.start()
    first_account(service.people, SetUp(settings, fixed=True), "")
    service.serve()
    wait_for_end(ended, each_second=service.beat)
    service.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
