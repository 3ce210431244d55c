"""The commit hook accepts subjects of the project's form and names each broken rule."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HOOK = Path(__file__).resolve().parents[1] / "hooks" / "commit-msg"


def check(message: str, folder: Path) -> tuple[int, str]:
    """Return exit status and error output of the hook for that message."""
    file = folder / "COMMIT_EDITMSG"
    file.write_text(message, encoding="utf-8")
    done = subprocess.run([sys.executable, HOOK, file], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "message",
    [
        "ingest: accept the time zone of a device\n",
        "stores: read a span in one query\n\nA span took one query per day.\n",
        "native: reject a number in quotes\n# Please enter the commit message\n",
        "tests: " + "x" * 65,
        "Merge branch 'main' of a server with a very long name that no person wrote, only git itself did\n",
        'Revert "ingest: accept the time zone of a device"\n',
        "fixup! ingest: accept the time zone of a device\n",
    ],
)
def test_subject_of_the_projects_form_is_accepted(message: str, tmp_path: Path) -> None:
    """A folder, module or top-level name, a colon and the change; git's own subjects as they are."""
    assert check(message, tmp_path) == (0, "")


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("tests: " + "x" * 66, "has 73 characters; the limit is 72"),
        ("accept the time zone of a device", "has another form"),
        ("ingest: ends with a full stop.", "has another form"),
        ("ingest:no space", "has another form"),
        ("", "has another form"),
        ("kitchen: accept the time zone", "the prefix 'kitchen' is unknown"),
        ("ingest: accept the time zone\nof a device", "the second line 'of a device' is not empty"),
    ],
)
def test_each_broken_rule_is_reported(message: str, problem: str, tmp_path: Path) -> None:
    """Status 1 and the rule with the offending value."""
    status, output = check(message, tmp_path)
    assert status == 1
    assert problem in output
