"""Notices of service faults: a part fails, and it recovers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerts.database.storage_faults import StorageFault
from alerts.model import Notice, identity
from alerts.timestamps import format_time

from .channels.contract import Channel
from .channels.routes import wants
from .writer import CONSOLE

URGENT_MEDIA = frozenset(("sms", "voice"))
"""Media that only red faults use."""


@dataclass(frozen=True, slots=True)
class ServiceFault:
    """One fault of the service. since_ns: start; over_ns: end, None while it lasts.

    part: log, a stage, outbox, disk, backlog, broker, sensors, store, queue, slow_disk, clock, roster, escalation,
    recipe, detectors, or role_ and its name; of one chain: escalation, its site and its id.
    grade: red if alarms are late, depend on memory alone or are missing, else yellow.
    """

    part: str
    cause: StorageFault
    since_ns: int
    grade: str = "red"
    over_ns: int | None = None

    @property
    def text(self) -> Mapping[str, str]:
        """Return the fault as a sentence in both languages."""
        kind = self._kind
        words = _TEXTS[kind if kind in _TEXTS else "role" if kind.startswith("role_") else "other"]
        if self.over_ns is not None:
            return {"zh": words["over_zh"].format(part=self.name), "en": words["over_en"].format(part=self.name)}
        return {
            "zh": words["zh"].format(cause=self.cause.zh, part=self.name),
            "en": words["en"].format(cause=self.cause.en, part=self.name),
        }

    @property
    def blinds(self) -> bool:
        """Return whether the screen is not live while the fault lasts: no readings, a failed log, stage or path."""
        stage = self._kind not in _TEXTS and self.grade == "red"  # hazards and tickets are not current
        return self.over_ns is None and (self.part in {"broker", "sensors", "alarm_path", "log"} or stage)

    @property
    def _kind(self) -> str:
        return self.part.split(" ")[0]

    @property
    def name(self) -> str:
        """Return the name of the stage or role."""
        return self.part.removeprefix("role_")


_LOG = {
    "zh": "{cause}：读数无法存储，报警正由内存直接发出；请立即处理",
    "en": "{cause}: readings are not being stored; alarms are being sent from memory. Fix this immediately",
    "over_zh": "读数恢复存储；积压的消息正在补录",
    "over_en": "readings are being stored again; the backlog of the broker is being processed",
}
_TEXTS: Mapping[str, Mapping[str, str]] = {
    "log": _LOG,
    "disk": {
        "zh": "{cause}：数据所在磁盘即将用尽，请尽快清理",
        "en": "{cause}: the disk of the data folder is nearly full; free space soon",
        "over_zh": "数据所在磁盘恢复足够空间",
        "over_en": "the disk of the data folder has enough space again",
    },
    "backlog": {
        "zh": "{cause}：读数补录中，暂时滞后；烟感与门禁的新报警由内存提前直接发出",
        "en": "{cause}: readings are processed late; new alarms of smoke and gates are sent from memory ahead of them",
        "over_zh": "积压的消息已补录完毕",
        "over_en": "the backlog of the broker is processed",
    },
    "broker": {
        "zh": "{cause}：收不到任何传感器消息，界面不是实时状态；请立即检查消息服务器与网络",
        "en": "{cause}: no message of any sensor arrives; the screen is not live. Check broker and network immediately",
        "over_zh": "消息服务器恢复响应；积压的消息正在补录",
        "over_en": "the broker answers again; its backlog is being processed",
    },
    "sensors": {
        "zh": "{cause}：时间已远超本校平常的上报间隔；请检查网关与网络",
        "en": "{cause} for far longer than usual at this site; check gateways and network",
        "over_zh": "传感器恢复上报",
        "over_en": "sensors report again",
    },
    "store": {
        "zh": "{cause}：曲线暂不更新；报警不受影响，读数保存在日志中",
        "en": "{cause}: trends are not updated; alarms continue, and the log keeps the readings",
        "over_zh": "时序数据库恢复写入",
        "over_en": "the time-series store is written again",
    },
    "queue": {
        "zh": "{cause}：处理滞后，报警可能延迟",
        "en": "{cause}: processing lags, and alarms may be late",
        "over_zh": "积压数据处理完毕",
        "over_en": "no entry waits for over 10 s",
    },
    "slow_disk": {
        "zh": "{cause}：请检查磁盘健康状况",
        "en": "{cause}: check the health of the disk",
        "over_zh": "磁盘写入恢复正常",
        "over_en": "writes to disk are fast again",
    },
    "clock": {
        "zh": "{cause}：时间记录不可靠；请检查时间同步",
        "en": "{cause}: times are unreliable; check the time synchronisation",
        "over_zh": "系统时间恢复正常",
        "over_en": "the system clock is plausible again",
    },
    "alarm_path": {
        "zh": "{cause}：真实报警也可能无法送达；请立即检查各进程及其日志",
        "en": "{cause}; real alarms may not arrive either. Check the processes and their logs immediately",
        "over_zh": "自检报警恢复通过",
        "over_en": "synthetic alarms pass again",
    },
    "roster": {
        "zh": "{cause}：请尽快补全值班表",
        "en": "{cause}: complete the roster soon",
        "over_zh": "值班表已补全",
        "over_en": "the roster is complete again",
    },
    "escalation": {
        "zh": "{cause}：请立即检查值班表与通知渠道",
        "en": "{cause}. Check roster and channels immediately",
        "over_zh": "报警升级恢复正常",
        "over_en": "escalation works again",
    },
    "recipe": {
        "zh": "{cause}：原有规则继续运行；请改正文件",
        "en": "{cause}: the former rules keep running; correct the file",
        "over_zh": "规则文件可用",
        "over_en": "the files of the rules are valid again",
    },
    "detectors": {
        "zh": "{cause}：这些规则只显示、不再呼叫；请核对限值后重新评分",
        "en": "{cause}: their detections are shown but page nobody. Check their limits, then qualify them again",
        "over_zh": "降级的规则已重新通过评分",
        "over_en": "no rule is demoted any more",
    },
    "role": {
        "zh": "{part}{cause}：报警可能中断，界面不是实时状态；请立即处理",
        "en": "role {part}: {cause}; alarms may be missing, and the screen is not live. Fix this immediately",
        "over_zh": "{part}恢复工作",
        "over_en": "role {part} works again",
    },
    "other": {
        "zh": "{cause}：隐患与工单无法存储，报警正由内存直接发出；请立即处理",
        "en": "{cause} ({part}): hazards are not being stored; alarms are being sent from memory. Fix this immediately",
        "over_zh": "隐患与工单恢复存储",
        "over_en": "hazards and tickets are being stored again",
    },
}
NEARLY_FULL = StorageFault("disk_nearly_full", "剩余空间不足", "little space is left")


def fault_notices(
    fault: ServiceFault, channels: Sequence[Channel], contacts: Sequence[tuple[str, str, str]] = ()
) -> list[Notice]:
    """Return one notice per channel, contact and one for the console; the same fault yields the same ids.

    contacts: channel, medium and address of persons on duty; one below red sends no SMS and calls nobody.
    """
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
    names = [*(channel.name for channel in channels if wants(channel, kind, body, pages=True)), CONSOLE]
    receivers: list[tuple[str, ...]] = [(name,) for name in names]
    receivers += [one for one in contacts if fault.grade == "red" or one[1] not in URGENT_MEDIA]
    return [
        Notice.pending(
            f"msg_{identity('service', kind, fault.part, fault.since_ns, *receiver)}",
            channel=receiver[0],
            type=kind,
            body=body
            if len(receiver) == 1
            else {**body, "to": {"medium": receiver[1], "address": receiver[2], "persons": []}},
            at_ns=at_ns,
        )
        for receiver in receivers
    ]
