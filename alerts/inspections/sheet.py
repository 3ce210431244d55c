"""Sheet of an inspection: entries folded into states of items and stops.

The result depends on the set of entries alone, not on the order or the repetition of their arrival.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .kinds import durations, inspection_kinds
from .route import Item, Stop

OK, NOT_OK, NOT_APPLICABLE = "ok", "not_ok", "not_applicable"
RESULTS = (OK, NOT_OK, NOT_APPLICABLE)
OPEN, PROVED = "open", "proved"
START, CHECK_IN, ITEM, END = "start", "check_in", "item", "end"
TYPES = (START, CHECK_IN, ITEM, END)
QR, NFC, MANUAL = "qr", "nfc", "manual"
State = Literal["planned", "running", "done", "missed"]
PLANNED: State = "planned"
RUNNING: State = "running"
DONE: State = "done"
MISSED: State = "missed"


@dataclass(frozen=True, slots=True)
class Stored:
    """One entry of an inspection; the columns of its row."""

    site: str
    inspection: str
    id: str
    type: str
    stop: str
    item: str
    result: str
    note: str
    way: str
    place: str
    at: str
    at_ns: int
    received_ns: int
    in_window: bool
    by: str
    digest: str
    danger: str
    ticket: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """One inspection with its route. proofs: item -> proof by a sensor, kept at the end."""

    site: str
    id: str
    kind: str
    plan: str
    name: Mapping[str, str]
    post: str
    state: State
    begin_ns: int
    end_ns: int
    stops: tuple[Stop, ...]
    left_off: int
    proofs: Mapping[str, Mapping[str, Any]]
    created_by: str
    created_ns: int
    started_by: str | None
    started_ns: int | None
    ended_by: str | None
    ended_ns: int | None
    version: int

    @property
    def subject(self) -> str:
        """Subject of the journal entries."""
        return f"{self.site}/inspection/{self.id}"


@dataclass(frozen=True, slots=True)
class ItemState:
    """State of one item. entry: the newest tick; proof: of a sensor, also beside a tick that overrules it."""

    item: Item
    state: str
    entry: Stored | None
    proof: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class StopState:
    """State of one stop. check_in: the first valid one in the window, else the first one."""

    stop: Stop
    check_in: Stored | None
    items: tuple[ItemState, ...]

    @property
    def done(self) -> bool:
        """Return whether no item is open; a stop without items needs a check-in by code in the window."""
        if not self.items:
            return self.check_in is not None and counts(self.check_in)
        return all(one.state != OPEN for one in self.items)


def counts(entry: Stored) -> bool:
    """Return whether a check-in proves the presence: by QR code or NFC tag, in the window."""
    return entry.type == CHECK_IN and entry.way in {QR, NFC} and entry.in_window


def key_of(stop: str, item: str) -> str:
    """Return the key of an item in the proofs of an inspection."""
    return f"{stop}/{item}"


def folded(
    inspection: Inspection, entries: Iterable[Stored], proofs: Mapping[str, Mapping[str, Any]]
) -> list[StopState]:
    """Return the state of each stop. proofs: present ones by key; those of the inspection's end replace them."""
    ticks: dict[tuple[str, str], Stored] = {}
    visits: dict[str, Stored] = {}
    for one in sorted(entries, key=lambda one: (one.at_ns, one.id)):
        if one.type == ITEM:
            ticks[one.stop, one.item] = one
        elif one.type == CHECK_IN and not (one.stop in visits and counts(visits[one.stop]) >= counts(one)):
            visits[one.stop] = one
    known = inspection.proofs if inspection.state == DONE else proofs
    return [
        StopState(
            stop,
            visits.get(stop.id),
            tuple(
                _item(item, ticks.get((stop.id, item.id)), known.get(key_of(stop.id, item.id))) for item in stop.items
            ),
        )
        for stop in inspection.stops
    ]


def state_of(entries: Iterable[Stored], end_ns: int, now_ns: int) -> State:
    """Return the state of an inspection: done by an end, missed after its window and the time for late phones."""
    types = {one.type for one in entries}
    if END in types:
        return DONE
    if now_ns > end_ns + durations().grace_ns:
        return MISSED
    return RUNNING if types else PLANNED


def round_state(inspection: Inspection, entries: Iterable[Stored], now_ns: int) -> State:
    """Return the state of an inspection; a guard round is done when every stop was visited in the window."""
    rows = list(entries)
    kind = inspection_kinds().get(inspection.kind)
    if kind is not None and kind.round:
        visited = {one.stop for one in rows if counts(one)}
        if inspection.stops and visited >= {stop.id for stop in inspection.stops}:
            return DONE
        rows = [one for one in rows if one.type != END]
    return state_of(rows, inspection.end_ns, now_ns)


def results_of(states: Iterable[StopState]) -> dict[tuple[str, str], tuple[bool, int]]:
    """Return (point, measure) -> result and time of its check by this inspection, for each measure with a result.

    A measure fails with one item not in order. It works when all its items are answered and one of them is in order.
    """
    found: dict[tuple[str, str], tuple[bool, int]] = {}
    for stop in states:
        by_measure: dict[str, list[ItemState]] = {}
        for one in stop.items:
            by_measure.setdefault(one.item.measure, []).append(one)
        for measure, items in by_measure.items():
            ticks = [one.entry for one in items if one.entry is not None]
            results = {one.state for one in items}
            works = OK in results and not results & {OPEN, NOT_OK}
            if ticks and (NOT_OK in results or works):
                found[stop.stop.point, measure] = NOT_OK not in results, max(one.at_ns for one in ticks)
    return found


def _item(item: Item, tick: Stored | None, proof: Mapping[str, Any] | None) -> ItemState:
    state = tick.result if tick else PROVED if proof else OPEN
    return ItemState(item, state, tick, proof)
