"""Has a Mosquitto save its store about once a second for as long as it runs; a small process of its own.

Mosquitto acknowledges a message before it is on the disk, and by its own timer it saves every other second at best
(2.0.11). SIGUSR1 makes it save at once. This asks for that from outside, so that neither a service that is frozen nor
one that is gone keeps the broker from saving, and it ends with the broker.

The store is written whole. So that a broker with much waiting in it does not write for ever, the distance between two
saves grows with what a save takes: a tenth of the broker's time at most.

Usage: broker_saver.py PID STORE. Linux only, standard library only: it runs beside any Mosquitto whose user it shares.
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
"""From one save to the next. With the 0.1 s in which Mosquitto may look at a signal, and a save, below a second."""

SHARE = 0.1
"""The most of its time that the broker spends saving."""

NOTICED_S = 2.0
"""A save that has not begun by then is taken for one that failed."""

POLL_S = 0.01

Stamp = tuple[int, int]
Ended = Callable[[float], bool]


def distance_s(save_s: float) -> float:
    """From the beginning of a save that took so long to the beginning of the next.

    >>> distance_s(0.01), distance_s(0.34)
    (0.8, 3.4)
    """
    return max(EVERY_S, round(save_s / SHARE, 3))


def can_watch() -> bool:
    """Whether this system has what is needed to follow a process without mistaking another for it."""
    watched = hasattr(os, "pidfd_open") and hasattr(signal, "pidfd_send_signal")
    return watched and Path("/proc/self/status").exists()


def keep_saved(pid: int, store: Path) -> None:
    """Ask that process for a save again and again until it ends. Raises OSError when there is no such process."""
    process = os.pidfd_open(pid)
    try:
        watch = select.poll()
        watch.register(process, select.POLLIN)

        def ended(timeout_s: float) -> bool:
            return bool(watch.poll(timeout_s * 1000))

        while not _takes_signal(pid) and not ended(POLL_S):  # until then it would be the end of it
            pass
        while not ended(0):
            began_s = time.monotonic()
            with suppress(ProcessLookupError):  # it ended this moment: `ended` tells
                signal.pidfd_send_signal(process, signal.SIGUSR1)
            save_s = follow(store, _stamp(store), ended)
            if ended(max(0.0, began_s + distance_s(save_s) - time.monotonic())):
                return
    finally:
        os.close(process)


def follow(store: Path, before: Stamp, ended: Ended) -> float:
    """Wait for the save that was asked for; how long the broker wrote, 0 when it was too short to see or failed.

    before: the store as it was. Mosquitto writes beside the store, then puts the new file in its place.
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
    """Whether that process has a handler for SIGUSR1 already: a Mosquitto listens a moment before it has."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    caught = next((int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:")), 0)
    return bool(caught >> (signal.SIGUSR1 - 1) & 1)


def _stamp(store: Path) -> Stamp:
    """What changes with each save: file number and time."""
    try:
        found = store.stat()
    except OSError:
        return 0, 0
    return found.st_ino, found.st_mtime_ns


def main() -> None:
    """Read the arguments and stay until the broker ends; Ctrl-C is the broker's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(ProcessLookupError):
        keep_saved(int(sys.argv[1]), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
