"""Kinds of hidden dangers with relapse window, observation and proof of repair, from `kinds.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from alerts.risk.causes import Cause, causes
from alerts.risk.grading import Grade

HOUR_NS = 3_600_000_000_000
OBSERVING_H = 72.0
RELAPSE_H = 720.0
SOURCES = ("sensor", "inspection", "patrol", "report")
CLEARED, BELOW, ABOVE, REPORTING, TEST_SEEN, PHOTO = "cleared", "below", "above", "reporting", "test_seen", "photo"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a proof. text: its sentence for people in both languages."""

    type: str
    hold_ns: int = 0
    metric: str = ""
    limit: float = 0.0
    unit: str = ""
    text: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DangerKind:
    """One kind. sensed: sensors detect it; a danger of another kind is proved by a photo and a second person.

    personal: about single persons.
    """

    name: str
    zh: str
    en: str
    domain: str
    grade: Grade
    life_safety: bool
    sensed: bool
    observing_ns: int
    relapse_ns: int
    proof: tuple[Condition, ...]
    personal: bool = False

    @property
    def text(self) -> dict[str, str]:
        """Return its proof of repair as a sentence in both languages."""
        zh = "；".join(one.text["zh"] for one in self.proof)
        return {"zh": zh, "en": "; ".join(one.text["en"] for one in self.proof)}


PUBLIC_KINDS = ("leak", "ebike", "gate_open")
"""Kinds of sensors that the public reports too, beside those of people."""
NOT_FOR_PUBLIC = frozenset(("management",))


@cache
def danger_kinds() -> Mapping[str, DangerKind]:
    """Return all kinds by name: the causes of sensors, then those that people find."""
    table = tomllib.loads(resources.files(__package__).joinpath("kinds.toml").read_text(encoding="utf-8"))
    sensed = {cause.name: cause for cause in causes().values()}
    found = {name: _of_cause(cause, table["closure"].get(name, {})) for name, cause in sensed.items()}
    return found | {name: _of_row(name, row) for name, row in table["kind"].items()}


def kinds_for_public() -> Mapping[str, DangerKind]:
    """Return the kinds that a person without an account may report; an alarm of a sensor is none."""
    known = danger_kinds().items()
    wanted = (name for name, kind in known if name in PUBLIC_KINDS or not (kind.sensed or name in NOT_FOR_PUBLIC))
    return {name: danger_kinds()[name] for name in wanted}


def _of_cause(cause: Cause, row: Mapping[str, Any]) -> DangerKind:
    observing_h = row.get("observing_h", OBSERVING_H)
    return DangerKind(
        cause.name,
        cause.zh,
        cause.en,
        "sensor",
        Grade.ORANGE if cause.life_safety else Grade.YELLOW,
        cause.life_safety,
        sensed=True,
        observing_ns=int(observing_h * HOUR_NS),
        relapse_ns=int(row.get("relapse_h", cause.relapse_ns / HOUR_NS) * HOUR_NS),
        proof=_conditions(row.get("proof") or [{"type": CLEARED, "hold_h": observing_h}]),
        personal=cause.personal,
    )


def _of_row(name: str, row: Mapping[str, Any]) -> DangerKind:
    return DangerKind(
        name,
        row["zh"],
        row["en"],
        row["domain"],
        Grade[row["grade"].upper()],
        row.get("life_safety", False),
        sensed=False,
        observing_ns=int(row.get("observing_h", OBSERVING_H) * HOUR_NS),
        relapse_ns=int(row.get("relapse_h", RELAPSE_H) * HOUR_NS),
        proof=_conditions(row.get("proof") or [{"type": PHOTO}]),
    )


def _conditions(rows: list[Mapping[str, Any]]) -> tuple[Condition, ...]:
    return tuple(
        Condition(
            row["type"],
            int(row.get("hold_h", 0) * HOUR_NS),
            row.get("metric", ""),
            float(row.get("limit", 0.0)),
            row.get("unit", ""),
            _text(row),
        )
        for row in rows
    )


def _text(row: Mapping[str, Any]) -> dict[str, str]:
    hours, limit, unit = f"{row.get('hold_h', 0):g}", f"{row.get('limit', 0):g}", row.get("unit", "")
    zh, en = row.get("zh", row.get("metric", "")), row.get("en", row.get("metric", ""))
    return {
        CLEARED: {"zh": f"传感器持续{hours}小时未再检测到", "en": f"the sensors have not detected it for {hours} h"},
        BELOW: {"zh": f"{zh}持续{hours}小时低于{limit} {unit}", "en": f"{en} stays below {limit} {unit} for {hours} h"},
        ABOVE: {"zh": f"{zh}持续{hours}小时高于{limit} {unit}", "en": f"{en} stays above {limit} {unit} for {hours} h"},
        REPORTING: {"zh": f"探测器持续{hours}小时正常上报", "en": f"the detector reports for {hours} h without a gap"},
        TEST_SEEN: {"zh": "已收到探测器测试信号（按测试键）", "en": "a test of the detector has arrived"},
        PHOTO: {"zh": "已上传整改后照片", "en": "a photo shows the repair"},
    }[row["type"]]
