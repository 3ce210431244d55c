"""Command `score --bank`: pages of the scenario bank against its truth."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack

from simulators import SimulatorError, load_scenario
from twinward.bank import PlayedWindow, play, score_windows, summary
from twinward.errors import InputError, as_cli_errors

from .output import print_lines, print_result, progress_bar

BANK = tuple(f"S{number}" for number in range(1, 26) if number != 24)  # noqa: PLR2004 - S24 is 90 quiet days
"""Scenarios that are played by default."""
COLUMNS = ("scenario", "seed", "kind", "zone", "must", "found", "paged", "pages", "delay_s", "lead_s", "result")
WIDTHS = (9, 5, 18, 13, 9, 6, 6, 6, 9, 9, 0)


def print_bank(scenarios: str, seeds: str, *, as_json: bool) -> int:
    """Play and print the bank; return 1 if a window that must page did not, or one that must not page did, else 0.

    scenarios, seeds: separated by commas; scenarios "": BANK. Raises TwinwardError.
    """
    try:
        numbers = [int(seed) for seed in seeds.split(",")]
    except ValueError as error:
        raise InputError(f"--seeds {seeds!r}: allowed are numbers separated by commas") from error
    names = [name.strip() for name in scenarios.split(",") if name.strip()]
    windows = score_bank(names or BANK, numbers, quiet=as_json)
    if as_json:
        for window in windows:
            print_result(window.as_dict(), as_json=True)
    else:
        print_lines(bank_table(windows))
    print_result(summary(windows), as_json=as_json)
    return int(any(window.missed or window.false for window in windows))


def score_bank(
    scenarios: Sequence[str], seeds: Sequence[int], *, quiet: bool, processes: int | None = None
) -> list[PlayedWindow]:
    """Return the truth windows of each scenario and seed, in this order; blocks for minutes.

    processes: plays that run at the same time; None: one for each processor. Raises TwinwardError for an unknown
    scenario.
    """
    with as_cli_errors(SimulatorError):
        lengths_s = {scenario: load_scenario(scenario).duration_s for scenario in scenarios}
        tasks = [(scenario, seed) for scenario in scenarios for seed in seeds]
        longest_first = sorted(tasks, key=lambda task: -lengths_s[task[0]])
        found: dict[tuple[str, int], list[PlayedWindow]] = {}
        with progress_bar("bank", quiet=quiet) as report:
            for task, windows in _played(longest_first, processes or os.cpu_count() or 1):
                found[task] = windows
                report(len(found), len(found) / len(tasks))
    return [window for task in tasks for window in found[task]]


def _played(tasks: Sequence[tuple[str, int]], processes: int) -> Iterator[tuple[tuple[str, int], list[PlayedWindow]]]:
    """Yield the tasks with their windows as they end."""
    if processes == 1:
        for task in tasks:
            yield task, play_windows(*task)
        return
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")))
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        running = {pool.submit(play_windows, *task): task for task in tasks}
        for done in as_completed(running):
            yield running[done], done.result()


def play_windows(scenario: str, seed: int) -> list[PlayedWindow]:
    """Return the truth windows of one play. Raises SimulatorError."""
    return score_windows(play(scenario, seed=seed))


def bank_table(windows: Sequence[PlayedWindow]) -> Iterator[str]:
    """Yield the header and one line for each window."""
    yield _line(COLUMNS)
    for window in windows:
        must = "page" if window.must_page else "not page" if window.must_not_page else ""
        result = "missed" if window.missed else "false page" if window.false else "late" if window.late else ""
        marks = ("yes" if window.found else "", "yes" if window.paged else "")
        times = tuple("" if value is None else f"{value:.1f}" for value in (window.delay_s, window.lead_s))
        where = (window.scenario, window.seed, window.kind + (" drill" if window.drill else ""), window.zone, must)
        yield _line((*where, *marks, window.pages, *times, result))


def _line(cells: Sequence[object]) -> str:
    return " ".join(f"{cell!s:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()
