"""Notices of service faults: a part fails, and it recovers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerts.database.storage_faults import StorageFault
from alerts.model import Notice, identity
from alerts.timestamps import format_time

from .channels.contract import Channel
from .outbox import CONSOLE


@dataclass(frozen=True, slots=True)
class ServiceFault:
    """One fault of the service. since_ns: start; over_ns: end, None while it lasts.

    part: log, detect, alert, outbox, disk or backlog; grade: red if alarms depend on memory alone, else yellow.
    """

    part: str
    cause: StorageFault
    since_ns: int
    grade: str = "red"
    over_ns: int | None = None

    @property
    def text(self) -> Mapping[str, str]:
        """Return the fault as a sentence in both languages."""
        words = _TEXTS[self.part if self.part in _TEXTS else "other"]
        if self.over_ns is not None:
            return {"zh": words["over_zh"], "en": words["over_en"]}
        return {
            "zh": words["zh"].format(cause=self.cause.zh),
            "en": words["en"].format(cause=self.cause.en, part=self.part),
        }


_LOG = {
    "zh": "{cause}:读数无法存储,报警正由内存直接发出;请立即处理",
    "en": "{cause}: readings are not being stored; alarms are being sent from memory. Fix this immediately",
    "over_zh": "读数恢复存储;积压的消息正在补录",
    "over_en": "readings are being stored again; the backlog of the broker is being processed",
}
_TEXTS: Mapping[str, Mapping[str, str]] = {
    "log": _LOG,
    "disk": {
        "zh": "{cause}:数据所在磁盘即将用尽,请尽快清理",
        "en": "{cause}: the disk of the data folder is nearly full; free space soon",
        "over_zh": "数据所在磁盘恢复足够空间",
        "over_en": "the disk of the data folder has enough space again",
    },
    "backlog": {
        "zh": "{cause}:读数补录中,暂时滞后;烟感与门禁的新报警由内存提前直接发出",
        "en": "{cause}: readings are processed late; new alarms of smoke and gates are sent from memory ahead of them",
        "over_zh": "积压的消息已补录完毕",
        "over_en": "the backlog of the broker is processed",
    },
    "other": {
        "zh": "{cause}:隐患与工单无法存储,报警正由内存直接发出;请立即处理",
        "en": "{cause} ({part}): hazards are not being stored; alarms are being sent from memory. Fix this immediately",
        "over_zh": "隐患与工单恢复存储",
        "over_en": "hazards and tickets are being stored again",
    },
}
NEARLY_FULL = StorageFault("disk_nearly_full", "剩余空间不足", "little space is left")


def fault_notices(fault: ServiceFault, channels: Sequence[Channel]) -> list[Notice]:
    """Return one notice per channel and one for the console; the same fault yields the same ids."""
    kind = "service.fault" if fault.over_ns is None else "service.recovered"
    at_ns = fault.since_ns if fault.over_ns is None else fault.over_ns
    body = {
        "site": "",
        "part": fault.part,
        "cause": fault.cause.code,
        "grade": fault.grade,
        "place": {"zh": "预警系统自身", "en": "the warning service itself"},
        "since": format_time(fault.since_ns),
        "over_at": None if fault.over_ns is None else format_time(fault.over_ns),
        "text": dict(fault.text),
    }
    return [
        Notice(
            id=f"msg_{identity('service', kind, fault.part, fault.since_ns, name)}",
            site="",
            hazard="",
            ticket="",
            channel=name,
            type=kind,
            created_ns=at_ns,
            body=body,
            state="pending",
            attempts=0,
            next_ns=at_ns,
            delivered_ns=None,
            error="",
        )
        for name in [*(channel.name for channel in channels), CONSOLE]
    ]
