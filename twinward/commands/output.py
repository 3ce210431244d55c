"""Output of the commands: results as text or JSON, notes and progress bars on standard error."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from twinward.errors import InputError

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Config = Annotated[Path | None, typer.Option("--config", help="TOML file with the settings.")]
Report = Callable[[int, float], None]
"""Receives the count of items done and the share of the whole, 0 to 1."""


def print_result(result: dict[str, Any], *, as_json: bool) -> None:
    """Print a result as one JSON object, or as one line for each entry."""
    if as_json:
        print(json.dumps(result, ensure_ascii=False, default=str))
        return
    for name, value in result.items():
        shown = f"{value:.4g}" if isinstance(value, float) else value
        print(f"{name.replace('_', ' ')}: {shown}")


def print_lines(lines: Iterable[str]) -> None:
    """Print the lines of a table."""
    for line in lines:
        print(line)


def print_note(sentence: str) -> None:
    """Print a line about the progress on standard error, apart from the result."""
    print(f"twinward: {sentence}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def progress_bar(title: str, *, quiet: bool) -> Iterator[Report]:
    """Show a progress bar on standard error, if it is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet or not sys.stderr.isatty()) as bar:
        task = bar.add_task(title, total=1.0, count=0)
        yield lambda count, share: bar.update(task, completed=share, count=count)


@contextlib.contextmanager
def open_lines(path: Path) -> Iterator[Iterator[str]]:
    """Open a text file for reading. Raises InputError if it cannot be read."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield file
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from error


@contextlib.contextmanager
def open_output(path: Path | None, *, source: Path | None = None) -> Iterator[Callable[[str], object]]:
    """Return a function that writes one line to a new file, or to standard output without a file; see `new_file`."""
    if path is None:
        yield print
        return
    with new_file(path, source=source) as file:
        yield lambda line: file.write(line + "\n")


@contextlib.contextmanager
def new_file(target: Path, *, source: Path | None = None) -> Iterator[TextIO]:
    """Write a file beside the target that replaces it at the end; after an error the target is unchanged.

    A target that is no plain file, such as a pipe, is written directly. source: the input of the command. Raises
    InputError if the target is the source, also by a link, or cannot be written.
    """
    if source is not None and _same(source, target):
        raise InputError(f"{target}: the output is the input; allowed is another file")
    direct = target.exists() and not target.is_file()
    part = target if direct else target.with_name(f"{target.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
        if not direct:
            part.replace(target)
    except OSError as error:
        raise InputError(f"{target}: {error.strerror or error}") from error
    finally:
        if not direct:
            part.unlink(missing_ok=True)


def _same(source: Path, target: Path) -> bool:
    try:
        return target.samefile(source)
    except OSError:  # one of them does not exist
        return False
