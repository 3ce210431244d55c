"""Rows of a recording in a temporary file: their layout, and their order by time with bounded memory."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

ROW = np.dtype(
    [("time_ns", "<i8"), ("value", "<f8"), ("row", "<i8"), ("sensor", "<i4"), ("metric", "<i2"), ("quality", "u1")]
)
"""row: number of the row in the recording."""
BATCH_ROWS = 4096
RUN_ROWS, SPAN_ROWS, SAMPLE_ROWS = 524_288, 65_536, 512
"""Rows sorted at once, rows merged at once, and distance of the rows whose times decide on the spans."""


def in_order(spool: BinaryIO) -> Iterator[NDArray[Any]]:
    """Yield the rows as they are, BATCH_ROWS at a time."""
    spool.seek(0)
    while len(found := np.fromfile(spool, ROW, BATCH_ROWS)):
        yield found


def sorted_by_time(spool: BinaryIO) -> Iterator[NDArray[Any]]:
    """Yield the rows in order of time, BATCH_ROWS at a time; rows of one time keep their order. Changes the file.

    Runs of the file are sorted in place. Times then cut them into spans, each of which is merged in memory: 60 MB for
    any number of rows, unless very many have one time.
    """
    sample = _sort_runs(spool)
    cuts = np.unique(sample[SPAN_ROWS // SAMPLE_ROWS :: SPAN_ROWS // SAMPLE_ROWS])
    with mmap.mmap(spool.fileno(), 0, access=mmap.ACCESS_READ) as pages:
        held = np.empty(0, ROW)
        for parts in _spans(pages, cuts):
            found = np.concatenate([held, *parts])  # held: earlier than all of them
            parts.clear()
            pages.madvise(mmap.MADV_DONTNEED)
            found = found[np.argsort(found["time_ns"], kind="stable")]
            whole = len(found) - len(found) % BATCH_ROWS
            yield from (found[first : first + BATCH_ROWS] for first in range(0, whole, BATCH_ROWS))
            held = found[whole:]
        if len(held):
            yield held


def _sort_runs(spool: BinaryIO) -> NDArray[np.int64]:
    """Sort each run of RUN_ROWS in place, and return a sample of all times, sorted."""
    times, first = [], 0
    spool.seek(0)
    while len(found := np.fromfile(spool, ROW, RUN_ROWS)):
        found = found[np.argsort(found["time_ns"], kind="stable")]
        times.append(found["time_ns"][::SAMPLE_ROWS].copy())
        spool.seek(first)
        found.tofile(spool)
        first = spool.tell()
    spool.flush()
    return np.sort(np.concatenate(times))


def _spans(pages: mmap.mmap, cuts: NDArray[np.int64]) -> Iterator[list[NDArray[Any]]]:
    """Yield the part of each sorted run between two cuts, in order of time; the caller clears the list."""
    rows = np.frombuffer(pages, ROW)
    try:
        edges = []
        for first in range(0, len(rows), RUN_ROWS):
            times = rows["time_ns"][first : first + RUN_ROWS]
            edges.append((first + np.array([0, *np.searchsorted(times, cuts), len(times)])).tolist())
            del times
            pages.madvise(mmap.MADV_DONTNEED)  # the search has touched most pages of the run
        for span in range(len(cuts) + 1):
            yield [rows[at[span] : at[span + 1]] for at in edges]
    finally:
        del rows  # the mapping closes without views of it
