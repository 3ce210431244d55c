"""Command line: each command imports only its own modules."""

from __future__ import annotations

import subprocess
import sys

LATER = ("numpy", "sqlalchemy", "fastapi", "simulators", "ingest", "detectors", "alerts")


def test_the_command_line_loads_no_part_of_a_command() -> None:
    """Each start of the program pays for its own command alone."""
    code = f"import sys, twinward.cli; print([name for name in {LATER!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
