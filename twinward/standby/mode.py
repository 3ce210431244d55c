"""Modes of the standby, and the rules that choose one from the faults."""

from __future__ import annotations

from enum import Enum, auto

from .faults import Faults
from .self_monitor import BACKLOG, LOG
from .watches import ROLE_INGEST

GRACE_S = 1.0
"""Duration of a fault before pages go out from memory: most faults end within it."""


class Mode(Enum):
    """Input of the flow in memory: none, every published message, published life-safety messages, or the log."""

    IDLE = auto()
    RECEIVE_ALL = auto()
    RECEIVE_URGENT = auto()
    READ_LOG = auto()

    @property
    def receives(self) -> bool:
        """Whether the input comes by a transient session."""
        return self in {Mode.RECEIVE_ALL, Mode.RECEIVE_URGENT}


def choose_mode(faults: Faults) -> Mode:
    """Return the mode for these faults: a failed log comes before a failed stage, and both before a slow broker.

    A failed process of ingest or detection counts as its log or stage.
    """
    if LOG in faults.lasting_s or ROLE_INGEST in faults.lasting_s:
        return Mode.RECEIVE_ALL
    if any(part != BACKLOG for part in faults.lasting_s):
        return Mode.READ_LOG
    return Mode.RECEIVE_URGENT if faults.slow else Mode.IDLE


def is_due(mode: Mode, faults: Faults) -> bool:
    """Return whether the flow in memory must score now: after 1 s of delay at the broker, or of any other fault."""
    if mode is Mode.RECEIVE_URGENT:
        return faults.late
    return max(faults.lasting_s.values(), default=0.0) >= GRACE_S
