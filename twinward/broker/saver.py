"""Saver: a small process that makes Mosquitto save its store about once a second.

Mosquitto acknowledges a message before it is on disk, and its own timer saves every 2 s at best (2.0.11). SIGUSR1
triggers a save immediately. The saver sends that signal from a separate process, so that saves continue while the
service hangs or restarts. It ends with the broker.

Each save writes the whole store. The distance between two saves therefore grows with the duration of a save, so that a
broker with a large backlog spends at most a tenth of its time on saves.

Usage: broker_saver.py PID STORE. Linux and the standard library only; it works for any Mosquitto of the same user.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

EVERY_S = 0.8
"""Distance between two saves. With up to 0.1 s until Mosquitto handles a signal, and the save, it is below 1 s."""

SHARE = 0.1
"""Largest share of its time that the broker spends on saves."""

NOTICED_S = 2.0
"""A save that has not begun by then counts as failed."""

POLL_S = 0.01

Stamp = tuple[int, int]
Ended = Callable[[float], bool]


def distance_s(save_s: float) -> float:
    """Return the time from the start of a save of this duration to the start of the next.

    >>> distance_s(0.01), distance_s(0.34)
    (0.8, 3.4)
    """
    return max(EVERY_S, round(save_s / SHARE, 3))


def can_watch() -> bool:
    """Return True if this system can identify a process beyond its id (pidfd)."""
    watched = hasattr(os, "pidfd_open") and hasattr(signal, "pidfd_send_signal")
    return watched and Path("/proc/self/status").exists()


def keep_saved(pid: int, store: Path) -> None:
    """Request saves from the process until it ends. Raises OSError without such a process."""
    process = os.pidfd_open(pid)
    try:
        watch = select.poll()
        watch.register(process, select.POLLIN)

        def ended(timeout_s: float) -> bool:
            return bool(watch.poll(timeout_s * 1000))

        while not _takes_signal(pid) and not ended(POLL_S):  # without a handler the signal would end the process
            pass
        while not ended(0):
            began_s = time.monotonic()
            with suppress(ProcessLookupError):  # it ended at this moment: `ended` is set next
                signal.pidfd_send_signal(process, signal.SIGUSR1)
            save_s = follow(store, _stamp(store), ended)
            if ended(max(0.0, began_s + distance_s(save_s) - time.monotonic())):
                return
    finally:
        os.close(process)


def follow(store: Path, before: Stamp, ended: Ended) -> float:
    """Wait for the requested save; return its duration, 0 if it was too short to measure or failed.

    before: mark of the store before the save. Mosquitto writes a new file and renames it to the store.
    """
    fresh, began_s, asked_s = store.with_name(store.name + ".new"), 0.0, time.monotonic()
    while _stamp(store) == before:
        now_s = time.monotonic()
        if fresh.exists():
            began_s = began_s or now_s
        elif began_s or now_s - asked_s > NOTICED_S:
            break
        if ended(POLL_S):
            break
    return time.monotonic() - began_s if began_s else 0.0


def _takes_signal(pid: int) -> bool:
    """Return True if the process handles SIGUSR1; Mosquitto installs the handler shortly after it listens."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    caught = next((int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:")), 0)
    return bool(caught >> (signal.SIGUSR1 - 1) & 1)


def _stamp(store: Path) -> Stamp:
    """Return the mark of the store, inode and modification time; each save changes it."""
    try:
        found = store.stat()
    except OSError:
        return 0, 0
    return found.st_ino, found.st_mtime_ns


def main() -> None:
    """Run until the broker ends; Ctrl-C is handled by the broker only."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(ProcessLookupError):
        keep_saved(int(sys.argv[1]), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
