"""Trial of a newly chosen broker: the former settings return unless the service connects."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from twinward.broker.private_files import write_private
from twinward.settings import SETTINGS_FILE

PASSWORD_FILE, AUTHORITY_FILE = "mqtt-password.txt", "mqtt-ca.pem"
TRIAL_FILE, FAULT_FILE, FORMER = "broker-trial", "broker-fault.txt", ".former"
KEPT = (SETTINGS_FILE, PASSWORD_FILE, AUTHORITY_FILE)
CONNECT_S = 45.0
"""Time for the first connection; a restarted broker reads its store meanwhile."""
NO_ANSWER = f"新消息服务器 {CONNECT_S:g} 秒内未连上 / no connection to the new broker within {CONNECT_S:g} s"


class BrokerTrial:
    """Former settings of a data folder while a new broker is on trial. A restart of the service continues the trial.

    One object serves one start of the service, which decides on the settings of that start: after a further choice its
    session proves nothing. Threads may call it.
    """

    def __init__(self, folder: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._monotonic = folder, monotonic
        self._begun_s = monotonic()
        self._lock = threading.Lock()
        self._decides = self.pending

    @property
    def pending(self) -> bool:
        """Return whether a broker is on trial."""
        return os.access(self._folder / TRIAL_FILE, os.F_OK)  # False too for a folder that cannot be read

    @property
    def fault(self) -> str:
        """Return the reason why the last chosen broker was given up, "" for none."""
        path = self._folder / FAULT_FILE
        return path.read_text(encoding="utf-8").strip() if path.exists() else ""

    def begin(self, *, connected: bool = False) -> None:
        """Keep the present settings and secrets before new ones are written. connected: the present ones work."""
        with self._lock:
            self._decides = False
            if connected:
                self._end()
            self._begin()

    def _begin(self) -> None:
        (self._folder / FAULT_FILE).unlink(missing_ok=True)
        if self.pending:  # a second choice during the trial: the settings that worked stay kept
            return
        for name in KEPT:
            former = self._folder / f"{name}{FORMER}"
            former.unlink(missing_ok=True)
            if (self._folder / name).exists():
                write_private(former, (self._folder / name).read_text(encoding="utf-8"))
        write_private(self._folder / TRIAL_FILE, "")

    def look(self, *, connected: bool) -> bool:
        """End the trial with the first connection; return True if it failed and the former settings are back."""
        with self._lock:
            if not (self._decides and self.pending):
                return False
            if connected:
                self._end()
                return False
            if self._monotonic() - self._begun_s < CONNECT_S:
                return False
            self.undo(NO_ANSWER)
            return True

    def undo(self, reason: str) -> None:
        """Return to the former settings, and keep the reason."""
        write_private(self._folder / FAULT_FILE, reason + "\n")
        for name in KEPT:
            former = self._folder / f"{name}{FORMER}"
            if former.exists():
                former.replace(self._folder / name)
            else:
                (self._folder / name).unlink(missing_ok=True)
        self._end()

    def _end(self) -> None:
        (self._folder / TRIAL_FILE).unlink(missing_ok=True)
        for name in KEPT:
            (self._folder / f"{name}{FORMER}").unlink(missing_ok=True)
