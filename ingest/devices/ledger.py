"""Device ledger: durable counters and marks per device, at a few bytes per batch.

Columns hold sums by sensor code. Marks are small values by name, each assigned to a sensor. Every batch carries its
delta. Every TURN batches one page of PAGE sensors is stored in full, so that a start reads few deltas. The log stores
both in the transaction of the batch.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

PAGE = 1_024
TURN = 4
"""Number of batches between two pages."""

Codes = NDArray[np.int32]
Amounts = NDArray[np.int64]
_Packed = tuple[int, int, bytes]  # length, constant value or bytes per item, the items (empty for a constant)
_Mark = tuple[int, bytes | None]  # sensor, value; None: removed
_WIDTHS: dict[int, np.dtype[Any]] = {width: np.dtype(f"<i{width}") for width in (1, 2, 4, 8)}


class Segment(NamedTuple):
    """Delta of one column; codes: None when they equal those of the previous segment."""

    name: str
    codes: _Packed | None
    amounts: _Packed


class Added(NamedTuple):
    """Delta of all columns and marks."""

    segments: list[Segment]
    marks: dict[str, _Mark]


class Standing(NamedTuple):
    """Full content of a page: its part of every column, and the marks of its sensors."""

    columns: dict[str, _Packed]
    marks: dict[str, _Mark]


_ADDED, _STANDING = msgspec.msgpack.Decoder(Added), msgspec.msgpack.Decoder(Standing)


@dataclass(frozen=True, slots=True)
class LedgerDelta:
    """Durable fact: change of the ledger by a batch.

    number: sequence number of the delta, without gaps; added: the encoded delta; pages: page -> full content with this
    delta; settled: deltas up to that number are contained in pages.
    """

    number: int = 0
    added: bytes = b""
    pages: Mapping[int, bytes] = field(default_factory=dict)
    settled: int = 0

    def __bool__(self) -> bool:
        return self.number > 0


@dataclass(frozen=True, slots=True)
class LedgerEntries:
    """Stored ledger: (page, number, content) of every page, then (number, delta) in order."""

    pages: Sequence[tuple[int, int, bytes]] = ()
    added: Sequence[tuple[int, bytes]] = ()


class Ledger:
    """Columns and marks of the sensors. Not thread-safe: one thread owns it.

    >>> ledger = Ledger()
    >>> ledger.note("refused", 7, 3)
    >>> delta = ledger.drain()
    >>> Ledger(LedgerEntries(added=[(delta.number, delta.added)])).of("refused", 7)
    3
    """

    def __init__(self, kept: LedgerEntries | None = None) -> None:
        """kept: the stored entries, or those of a few pages."""
        self._columns: dict[str, Amounts] = {}
        self._marks: dict[str, _Mark] = {}
        self._homes: dict[int, dict[str, None]] = {}
        self._segments: list[tuple[str, Codes, Amounts]] = []
        self._sparse: dict[str, dict[int, int]] = {}
        self._altered: dict[str, _Mark] = {}
        self._dirty: dict[int, int] = {}  # page -> first delta that it does not contain; in that order
        self._number = 0
        self._turn = 0
        if kept is not None:
            self._load(kept)

    @property
    def names(self) -> list[str]:
        """Names of the columns with values."""
        return list(self._columns)

    def column(self, name: str, codes: Codes) -> Amounts:
        """Return the sums of these sensors, without additions since the last `drain`."""
        found = self._columns.get(name)
        if found is None:
            return np.zeros(len(codes), np.int64)
        if len(codes) and codes.max() < len(found):
            return found[codes]
        inside = np.minimum(codes, len(found) - 1)
        return np.where(codes < len(found), found[inside], 0)

    def where(self, name: str) -> list[int]:
        """Return the sensors whose sum is not zero, without additions since the last `drain`."""
        found: list[int] = np.flatnonzero(self._columns.get(name, np.zeros(0, np.int64))).tolist()
        return found

    def of(self, name: str, code: int) -> int:
        """Return the sum of one sensor, with all additions."""
        found = self._columns.get(name)
        own = 0 if found is None or code >= len(found) else int(found[code])
        late = sum(int(rows[codes == code].sum()) for segment, codes, rows in self._segments if segment == name)
        return own + late + self._sparse.get(name, {}).get(code, 0)

    def marks(self) -> dict[str, bytes]:
        """Return every mark, by name."""
        return {name: value for name, (_, value) in self._marks.items() if value is not None}

    def add(self, name: str, codes: Codes, amounts: Amounts) -> None:
        """Add to a column: sensors ascending, each once. Two columns of the same `codes` object share its bytes."""
        if len(codes):
            self._segments.append((name, codes, amounts))

    def note(self, name: str, code: int, amount: int = 1) -> None:
        """Add to one sensor's sum in a column, for rare additions."""
        sums = self._sparse.setdefault(name, {})
        sums[code] = sums.get(code, 0) + amount

    def mark(self, name: str, home: int, value: bytes | None) -> None:
        """Set the mark of that name for a sensor; None removes it."""
        self._altered[name] = home, value

    def drain(self) -> LedgerDelta | None:
        """Return the additions since the last call, None without any."""
        for name, sums in self._sparse.items():
            codes = np.array(sorted(sums), np.int32)
            self.add(name, codes, np.array([sums[code] for code in codes.tolist()], np.int64))
        if not (self._segments or self._altered):
            return None
        segments, marks = self._segments, self._altered
        self._segments, self._sparse, self._altered = [], {}, {}
        self._number += 1
        added = msgspec.msgpack.encode(Added(_packed_segments(segments), marks))
        before = None
        for name, codes, amounts in segments:
            self._apply(name, codes, amounts)
            if codes is not before:
                self._mark_dirty(_pages(codes))
            before = codes
        for name, mark in marks.items():
            self._set(name, mark)
            self._mark_dirty((mark[0] // PAGE,))
        return LedgerDelta(
            self._number, added, self._page_in_turn(), next(iter(self._dirty.values()), self._number + 1) - 1
        )

    def _page_in_turn(self) -> dict[int, bytes]:
        """Return the page that was stored longest ago, every TURN calls."""
        self._turn += 1
        if self._turn < TURN:
            return {}
        self._turn = 0
        page = next(iter(self._dirty))
        del self._dirty[page]
        part = slice(page * PAGE, (page + 1) * PAGE)
        columns = {name: _pack(column[part]) for name, column in self._columns.items() if column[part].any()}
        marks = {name: self._marks[name] for name in self._homes.get(page, ())}
        return {page: zlib.compress(msgspec.msgpack.encode(Standing(columns, marks)), 1)}

    def _load(self, kept: LedgerEntries) -> None:
        """Load the pages, then the deltas behind each."""
        at = np.full(1 + max((page for page, _, _ in kept.pages), default=0), 0, np.int64)
        for page, number, standing in kept.pages:
            at[page], columns, marks = number, *_STANDING.decode(zlib.decompress(standing))
            for name, packed in columns.items():
                sums = _unpack(packed)
                self._apply(name, np.arange(page * PAGE, page * PAGE + len(sums), dtype=np.int32), sums)
            for name, mark in marks.items():
                self._set(name, mark)
        self._number = max((int(at.max()), *(number for number, _ in kept.added)))
        for number, added in kept.added:
            self._replay(number, added, at)

    def _replay(self, number: int, added: bytes, at: Amounts) -> None:
        def behind(page: NDArray[np.int32]) -> NDArray[np.bool_]:
            return np.where(page < len(at), at[np.minimum(page, len(at) - 1)], 0) < number

        segments, marks = _ADDED.decode(added)
        codes = np.empty(0, np.int32)
        for name, packed, amounts in segments:
            codes = codes if packed is None else np.cumsum(_unpack(packed)).astype(np.int32)
            late = behind(codes // PAGE)
            self._apply(name, codes[late], _unpack(amounts)[late])
            self._mark_dirty(_pages(codes[late]), number)
        for name, mark in marks.items():
            if behind(np.array([mark[0] // PAGE], np.int32))[0]:
                self._set(name, mark)
                self._mark_dirty((mark[0] // PAGE,), number)

    def _mark_dirty(self, pages: Iterable[int], number: int | None = None) -> None:
        """Mark pages whose stored content lacks the present delta (or the one of that number)."""
        for page in pages:
            self._dirty.setdefault(page, self._number if number is None else number)

    def _apply(self, name: str, codes: Codes, amounts: Amounts) -> None:
        if not len(codes):
            return
        column, size = self._columns.get(name), int(codes[-1]) + 1
        if column is None or size > len(column):
            old = np.zeros(0, np.int64) if column is None else column
            column = np.zeros(max(PAGE, 2 * len(old), size), np.int64)
            column[: len(old)] = old
            self._columns[name] = column
        column[codes] += amounts

    def _set(self, name: str, mark: _Mark) -> None:
        home, value = mark
        names = self._homes.setdefault(home // PAGE, {})
        if value is None:
            names.pop(name, None)
            self._marks.pop(name, None)
        else:
            names[name], self._marks[name] = None, mark


def distinct(codes: Codes) -> tuple[Codes, Amounts]:
    """Return the sensors, ascending, and their counts: numpy's `unique` in half the time."""
    ordered = np.sort(codes)
    first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    places = np.flatnonzero(first)
    counts = np.empty(len(places), np.int64)
    counts[:-1] = places[1:] - places[:-1]
    counts[-1:] = len(ordered) - places[-1:]
    return ordered[places], counts


def _pages(codes: Codes) -> list[int]:
    """Return the pages of ascending sensors, each once."""
    pages = codes // PAGE
    last = np.ones(len(pages), np.bool_)
    np.not_equal(pages[1:], pages[:-1], out=last[:-1])
    found: list[int] = pages[last].tolist()
    return found


def _packed_segments(segments: Sequence[tuple[str, Codes, Amounts]]) -> list[Segment]:
    packed, before = [], None
    for name, codes, amounts in segments:
        steps = None if codes is before else _pack(_steps(codes))
        packed.append(Segment(name, steps, _pack(amounts)))
        before = codes
    return packed


def _steps(codes: Codes) -> Amounts:
    """Return the first code, then the distance from each to the next."""
    steps = codes.astype(np.int64)
    steps[1:] -= codes[:-1]
    return steps


def _pack(values: Amounts) -> _Packed:
    """Return integers in the smallest sufficient width; equal integers as one constant."""
    low, high = int(values.min()), int(values.max())
    if low == high:
        return len(values), low, b""
    width = next(width for width in _WIDTHS if -(1 << (8 * width - 1)) <= low and high < 1 << (8 * width - 1))
    return len(values), width, values.astype(_WIDTHS[width]).tobytes()


def _unpack(packed: _Packed) -> Amounts:
    length, value_or_width, items = packed
    if not items:
        return np.full(length, value_or_width, np.int64)
    values: Amounts = np.frombuffer(items, _WIDTHS[value_or_width]).astype(np.int64)
    return values
