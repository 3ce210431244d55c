"""Role locks: one holder per role, released at its end however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from twinward.data_folder.locks import ROLES, RoleLocks, holder, roles_of
from twinward.errors import RoleTaken

HOLD = """
import sys, time
from pathlib import Path
from twinward.data_folder.locks import RoleLocks
locks = RoleLocks(Path(sys.argv[1]), sys.argv[2:])
print("held", flush=True)
time.sleep(60)
"""


def hold(folder: Path, *roles: str) -> subprocess.Popen[str]:
    """Return a process that holds the roles."""
    command = [sys.executable, "-c", HOLD, str(folder), *roles]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """End the process by a signal."""
    process.send_signal(number)
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_role_has_one_holder_until_its_process_ends(tmp_path: Path, number: signal.Signals) -> None:
    """A second holder is refused with role, folder and process id; after a kill the role is free."""
    other = hold(tmp_path, "ingest")
    with pytest.raises(RoleTaken, match=rf"role ingest of the data folder {tmp_path} is held by process {other.pid}"):
        RoleLocks(tmp_path, roles_of("all"))
    held = [holder(tmp_path, role) for role in ROLES]
    assert [None if one is None else one.pid for one in held] == [other.pid, None, None]
    end(other, number)
    locks = RoleLocks(tmp_path, roles_of("all"))
    held = holder(tmp_path, "ingest")
    assert held is not None
    assert held.pid == os.getpid()
    locks.close()


def test_different_roles_do_not_exclude_each_other(tmp_path: Path) -> None:
    """Detection starts beside ingest; a refused process holds nothing."""
    other = hold(tmp_path, "ingest")
    locks = RoleLocks(tmp_path, ["detect"])
    with pytest.raises(RoleTaken):
        RoleLocks(tmp_path, ["alert", "ingest"])
    assert holder(tmp_path, "alert") is None
    locks.close()
    end(other, signal.SIGKILL)


def test_a_heartbeat_shows_age_and_failing_parts(tmp_path: Path) -> None:
    """A process whose parts work reports none; a frozen one grows old."""
    locks = RoleLocks(tmp_path, ["ingest"])
    os.utime(tmp_path / "ingest.lock", (0, 0))
    frozen = holder(tmp_path, "ingest")
    locks.beat(["broker", "log"])
    failing = holder(tmp_path, "ingest")
    locks.beat()
    works = holder(tmp_path, "ingest")
    locks.close()
    assert frozen is not None
    assert failing is not None
    assert works is not None
    assert frozen.age_s > 1e9
    assert failing.age_s < 60
    assert (frozen.failing, failing.failing, works.failing) == ((), ("broker", "log"), ())
