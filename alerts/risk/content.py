"""Content of a risk point: hazard sources, events, two assessments and control measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from alerts.errors import Invalid

from .accidents import accident_types
from .causes import causes
from .grading import Assessment, Grade, methods
from .registry import DEFAULT_METHOD, RiskPoint

POINT_KINDS: Mapping[str, tuple[str, str]] = {
    "place": ("场所", "place"),
    "equipment": ("设施设备", "equipment"),
    "routine_work": ("日常作业", "routine work"),
    "special_work": ("特殊作业", "special work"),
    "activity": ("教育教学活动", "activity"),
    "management": ("管理", "management"),
}
"""Kinds of risk points in both languages."""
MEASURE_KINDS: Mapping[str, tuple[str, str]] = {
    "engineering": ("工程技术", "engineering"),
    "management": ("管理措施", "management"),
    "training": ("培训教育", "training"),
    "protection": ("个体防护", "personal protection"),
    "emergency": ("应急处置", "emergency"),
}
"""Kinds of control measures in both languages."""
LEVELS: Mapping[str, tuple[str, str]] = {
    "school": ("校级", "school"),
    "department": ("部门", "department"),
    "class": ("年级、班级", "class or grade"),
    "post": ("岗位", "post"),
}
"""Levels of control: the higher the risk, the higher the responsible level."""
LEVEL_OF_GRADE: Mapping[Grade, str] = {
    Grade.RED: "school",
    Grade.ORANGE: "department",
    Grade.YELLOW: "class",
    Grade.BLUE: "post",
}
TEXT_LENGTH_MAX, ROWS_MAX, CYCLE_DAYS_MAX = 1_000, 40, 400
SHORT_LENGTH_MAX = 120


@dataclass(frozen=True, slots=True)
class Text:
    """A text in both languages; an empty language shows the other one."""

    zh: str = ""
    en: str = ""

    def both(self) -> dict[str, str]:
        """Return the text in both languages."""
        return {"zh": self.zh or self.en, "en": self.en or self.zh}


@dataclass(frozen=True, slots=True)
class Source:
    """A hazard source (危险源) with its risk event and accident types."""

    name: Text = Text()
    event: Text = Text()
    accidents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measure:
    """A control measure. post: its owner; cycle_days: time between checks, 0 for none; items: check items.

    sensor: id of the sensor that proves the measure; "" if an inspection proves it.
    """

    id: str
    text: Text = Text()
    kind: str = "management"
    post: str = ""
    cycle_days: int = 0
    items: tuple[Text, ...] = ()
    sensor: str = ""


@dataclass(frozen=True, slots=True)
class Factors:
    """Inputs of one assessment. version: of the method that graded it, "" before the first grade."""

    method: str = DEFAULT_METHOD
    version: str = ""
    likelihood: float = 1.0
    severity: float = 1.0
    exposure: float | None = None

    def assessment(self) -> Assessment:
        """Return the grade by the present version of the method. Raises Invalid."""
        method = methods().get(self.method)
        if method is None:
            raise Invalid.in_both({"method": (f"one of {', '.join(methods())}", f"须为：{'、'.join(methods())}")})
        given = {"likelihood": self.likelihood, "severity": self.severity}
        return method.assess(**given, **({} if self.exposure is None else {"exposure": self.exposure}))


@dataclass(frozen=True, slots=True)
class Content:
    """Register entry of one risk point.

    object, unit: of the chain zone, object, unit, event, measure. inherent: without measures, None if not assessed;
    existing: with them.
    hazard: kind of hazards that raise the grade. post, deputy: responsible posts.
    """

    name: Text
    zone: str
    place: str = ""
    object: Text = Text()
    unit: Text = Text()
    kind: str = "place"
    hazard: str = ""
    sources: tuple[Source, ...] = ()
    inherent: Factors | None = None
    existing: Factors = Factors()
    measures: tuple[Measure, ...] = ()
    emergency: Text = Text()
    level: str = ""
    post: str = ""
    deputy: str = ""
    phone: str = ""

    @property
    def all_accidents(self) -> tuple[str, ...]:
        """Accident types of all sources, each once."""
        return tuple(dict.fromkeys(code for source in self.sources for code in source.accidents))

    def plain(self) -> dict[str, Any]:
        """Return the content as JSON values."""
        found: dict[str, Any] = msgspec.to_builtins(asdict(self))
        return found

    def point(self, site: str, point: str) -> RiskPoint:
        """Return the risk point with its existing assessment; ceiling: likelihood of the inherent one."""
        one, inherent = self.existing, self.inherent
        return RiskPoint(
            site=site,
            zone=self.zone,
            id=point,
            name_zh=self.name.zh or self.name.en,
            name_en=self.name.en or self.name.zh,
            place=self.place,
            hazard=self.hazard,
            method=one.method,
            likelihood=one.likelihood,
            severity=one.severity,
            exposure=1.0 if one.exposure is None else one.exposure,
            measures=tuple(measure.text.zh or measure.text.en for measure in self.measures),
            ceiling=inherent.likelihood if inherent and inherent.method == one.method else None,
        )


def read_content(table: Mapping[str, Any]) -> Content:
    """Return the content of JSON values that were checked before."""
    return msgspec.convert(table, Content, strict=False)


def checked(table: Mapping[str, Any]) -> Content:
    """Return the content of a person's input, graded. Raises Invalid with every wrong field."""
    try:
        content = read_content(table)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$.")
        raise Invalid.in_both({path.rstrip("`") or "body": (message, "类型或取值有误")}) from error
    wrong = dict(_faults(content))
    if wrong:
        raise Invalid({at: en for at, (en, _) in wrong.items()}, zh={at: zh for at, (_, zh) in wrong.items()})
    level = content.level or LEVEL_OF_GRADE[(content.inherent or content.existing).assessment().grade]
    return _settled(content, level)


def _settled(content: Content, level: str) -> Content:
    """Return the content with its control level and the versions of the methods."""
    values = content.plain()
    values["level"] = level
    for name in ("inherent", "existing"):
        if values[name] is None:
            continue
        values[name]["version"] = methods()[values[name]["method"]].version
    return read_content(values)


Fault = tuple[str, tuple[str, str]]


def _faults(content: Content) -> Iterator[Fault]:
    """Yield (field, (English, Chinese)) of each fault."""
    if not (content.name.zh or content.name.en):
        yield "name", ("a text in one language at least", "至少一种语言的名称")
    yield from _one_of("kind", content.kind, POINT_KINDS)
    yield from _one_of("level", content.level, ("", *LEVELS))
    yield from _one_of("hazard", content.hazard, ("", *causes()))
    yield from _graded(content)
    for number, source in enumerate(content.sources):
        for code in source.accidents:
            yield from _one_of(f"sources.{number}.accidents", code, accident_types())
    yield from _measures(content)
    for name, text in _texts(content.plain()):
        longest = SHORT_LENGTH_MAX if name in _SHORT else TEXT_LENGTH_MAX
        if len(text) > longest or any(not (sign.isprintable() or sign == "\n") for sign in text):
            yield name, (f"at most {longest} printable characters", f"最多 {longest} 个可显示字符")
    if max(len(content.sources), len(content.measures)) > ROWS_MAX:
        yield "measures", (f"at most {ROWS_MAX} rows", f"最多 {ROWS_MAX} 行")


_SHORT = frozenset(("zone", "place", "kind", "hazard", "level", "post", "deputy", "phone", "name.zh", "name.en"))


def _one_of(name: str, given: str, allowed: Any) -> Iterator[Fault]:
    if given not in allowed:
        listed = ", ".join(one or '""' for one in allowed)
        yield name, (f"{given!r}: allowed is one of {listed}", f"“{given}”不在允许值内：{listed}")


def _graded(content: Content) -> Iterator[Fault]:
    found = {}
    for name, factors in (("inherent", content.inherent), ("existing", content.existing)):
        try:
            if factors is not None:
                found[name] = factors.assessment()
        except Invalid as error:
            yield from ((f"{name}.{at}", (wanted, error.zh[at])) for at, wanted in error.fields.items())
    if len(found) == 2 and found["existing"].grade < found["inherent"].grade:  # noqa: PLR2004 - both are valid
        yield (
            "existing",
            (
                "the existing risk is graded above the inherent risk; measures cannot raise a risk",
                "现实风险等级高于固有风险等级；管控措施不会提高风险",
            ),
        )


def _measures(content: Content) -> Iterator[Fault]:
    ids = [measure.id for measure in content.measures]
    for number, measure in enumerate(content.measures):
        at = f"measures.{number}"
        if not measure.id or len(measure.id) > SHORT_LENGTH_MAX or ids.count(measure.id) > 1:
            yield f"{at}.id", ("an id that no other measure of the point has", "本风险点内唯一的措施编号")
        if not (measure.text.zh or measure.text.en):
            yield f"{at}.text", ("a text in one language at least", "至少一种语言的措施内容")
        yield from _one_of(f"{at}.kind", measure.kind, MEASURE_KINDS)
        if not 0 <= measure.cycle_days <= CYCLE_DAYS_MAX:
            yield f"{at}.cycle_days", (f"0 to {CYCLE_DAYS_MAX} days", f"0 至 {CYCLE_DAYS_MAX} 天")


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from _texts(part, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _texts(part, f"{path}.{number}")
