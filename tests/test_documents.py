"""Facts in the documents that a machine can check: paths, links, commands, table cells, the README."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CELL_MAX = 300
CHANGE_MAX = 120
CHANGES = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
CHANGE_MAX = 120
FOLDERS = ("ingest", "detectors", "alerts", "simulators", "twinward", "tests", "deploy", "docs")
PATH = re.compile(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./-]*[\w/]")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"`(?:\.venv/bin/)?twinward ([a-z][a-z-]*)")
SELECTION = re.compile(r"pytest (\S+\.py) -k '([^']+)'")
TEST_FILE = re.compile(r"(?<![\w/])test_\w+\.py")


def tracked(*patterns: str) -> list[str]:
    """Return the names of the tracked files."""
    listed = ["git", "ls-files", "--", *patterns]
    return subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def documents() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each document, without the changelog."""
    for name in tracked("README.md", "docs/*.md"):
        yield name, (ROOT / name).read_text(encoding="utf-8")


def test_named_paths_exist() -> None:
    """Each path of this repository that a document names exists."""
    missing = [
        f"{name}: {path}"
        for name, text in documents()
        for path in PATH.findall(re.sub(r"https?://\S+", "", text))
        if not (ROOT / path).exists()
    ]
    assert missing == []


def test_named_test_files_exist() -> None:
    """Each test file that a document names without its folder exists once or more below tests/."""
    files = {Path(name).name for name in tracked("tests")}
    assert [
        f"{name}: {test}" for name, text in documents() for test in TEST_FILE.findall(text) if test not in files
    ] == []


def test_named_selections_of_tests_match() -> None:
    """Each word of `pytest FILE -k 'WORD or WORD'` in a document is part of a test's name in that file."""
    selections = [found for _, text in documents() for found in SELECTION.findall(text)]
    assert len(selections) > 0
    for path, words in selections:
        tests = re.findall(r"def (test_\w+)", (ROOT / path).read_text(encoding="utf-8"))
        assert [word for word in words.split(" or ") if not any(word in test for test in tests)] == [], path


def test_links_lead_to_files() -> None:
    """Each relative link of a document leads to a file or folder of the repository."""
    broken = [
        f"{name}: {link}"
        for name, text in documents()
        for link in LINK.findall(text)
        if not (ROOT / name).parent.joinpath(link).exists()
    ]
    assert broken == []


def test_named_commands_exist() -> None:
    """Each command of `twinward` that a document names is registered."""
    from typer.main import get_command  # noqa: PLC0415 - the command line is needed here only

    from twinward.cli import app  # noqa: PLC0415 - as above

    command = get_command(app)
    known = set(getattr(command, "commands", ()))
    assert "run" in known
    assert [
        f"{name}: {verb}" for name, text in documents() for verb in COMMAND.findall(text) if verb not in known
    ] == []


def test_modules_of_deploy_exist() -> None:
    """Each module that a unit below deploy/ runs with `-m` exists."""
    named = [
        module
        for name in tracked("deploy")
        for module in re.findall(r"python -m ([\w.]+)", (ROOT / name).read_text(encoding="utf-8"))
    ]
    assert len(named) > 0
    assert [module for module in named if find_spec(module) is None] == []


def test_table_cells_are_short() -> None:
    """No cell of a table in a document exceeds 300 characters."""
    long = [
        f"{name}: {cell.strip()[:60]}"
        for name in tracked("*.md")
        if not name.startswith("tests/cases/")
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
        for cell in re.split(r"(?<!\\)\|", line)
        if len(cell.strip()) > CELL_MAX
    ]
    assert long == []


def test_readme_has_two_commands() -> None:
    """The first block runs the demo, the second the tests, and no third block follows."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert [block.strip() for block in blocks] == ["python3 bootstrap.py demo", "python3 bootstrap.py test"]


def test_readme_has_one_picture() -> None:
    """The README shows one picture, and the repository contains its file."""
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(pictures) == 1
    assert (ROOT / pictures[0]).is_file()


def test_changelog_has_versions_and_short_entries() -> None:
    """Each section of a version is one of Keep a Changelog; each entry is one line of at most 120 characters."""
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    assert any(re.fullmatch(r"## \d+\.\d+\.\d+ - \d{4}-\d{2}-\d{2}", line) for line in lines)
    assert {line[4:] for line in lines if line.startswith("### ")} <= set(CHANGES)
    assert [line for line in lines if line.startswith("- ") and len(line) > CHANGE_MAX] == []
    assert [line for line in lines if line.startswith(" ")] == []


def test_decisions_have_unique_numbers() -> None:
    """Each record of docs/decisions/ has the number of its file name in its title, and no number occurs twice."""
    names = [Path(name) for name in tracked("docs/decisions/*.md")]
    titles = [(ROOT / name).read_text(encoding="utf-8").split(".")[0] for name in names]
    assert titles == [f"# {int(name.name[:4])}" for name in names]
    assert len(set(titles)) == len(titles)
