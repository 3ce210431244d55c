"""Effects of an escalation as facts of the journal and as faults of the service."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.database.storage_faults import StorageFault

from .machine import Effect, Exhausted, Nobody, Skipped, Unconfirmed
from .model import Send

ROSTER, ESCALATION = "roster", "escalation"
"""Parts of the faults: of rosters, and of the worker of escalations. That of a chain adds its site and id."""


def facts_of(effects: Sequence[Effect], round_: int) -> dict[str, object]:
    """Return the facts of an entry: messages, skipped steps, missing confirmations; {} without effects."""
    if not effects:
        return {}
    messages = [f"{one.step + 1} {one.channel} {' '.join(one.persons)}" for one in effects if isinstance(one, Send)]
    others = [type(one).__name__.lower() for one in effects if not isinstance(one, Send)]
    return {"round": round_ + 1, "messages": messages, "events": others}


def fault_of(effect: Effect, chain: str) -> StorageFault | None:
    """Return the fault of an effect, None for an effect without one."""
    if isinstance(effect, Skipped):
        step = effect.step + 1
        return StorageFault(
            "step_empty", f"升级链 {chain} 第 {step} 步无人可通知", f"chain {chain}: step {step} reaches nobody"
        )
    if isinstance(effect, Nobody):
        return StorageFault("chain_empty", f"升级链 {chain} 无人可通知", f"chain {chain} reaches nobody")
    if isinstance(effect, Exhausted):
        return StorageFault(
            "unacknowledged", f"升级链 {chain} 已走完，无人接手", f"chain {chain} ended; nobody acknowledged"
        )
    if isinstance(effect, Unconfirmed):
        zh, en = f"升级链 {chain} 的一条通知未能送达", f"chain {chain}: a message is not confirmed"
        return StorageFault("unconfirmed", zh, en)
    return None


def worker_fault(error: str) -> StorageFault:
    """Return the fault of the worker after a turn with an error."""
    return StorageFault("escalator_failed", "报警升级处理出错", f"the worker of escalations fails ({error[:200]})")
