"""Findings of overdue bump tests; a test in the stored readings of a detector counts as proof."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from sqlalchemy import Connection, Engine

from alerts.dangers.proof import Readings
from alerts.hazards.findings import Observation
from alerts.hazards.own_findings import own_finding
from alerts.register.checks import TEST_OVERDUE
from alerts.risk.registry import Registry
from detectors import Phase
from ingest import Sensor, StoreError

from .bump_tests import BumpTest, bump_tests
from .coverage import active_of, ended
from .requirements import DAY_NS, requirements

RULE = "bump_test"
LEVEL = 1
LOOKED_UP_MAX = 20
"""Overdue tests that one call looks up in the stored readings at most; the next call continues."""


class OverdueTests:
    """Applies overdue tests as findings. One thread uses it."""

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        accept: Callable[[Connection, Sequence[Observation]], None],
    ) -> None:
        """accept: applies observations as those of detection."""
        self._engine, self._registry, self._accept = engine, registry, accept
        self._reading = engine.execution_options(writes=False)
        self._tested: dict[tuple[str, str], int] = {}

    def settle(self, sensors: Sequence[Sensor], readings: Readings | None, now_ns: int) -> None:
        """Begin and end the findings. The look-ups in the store come before the write transaction."""
        with self._reading.connect() as connection:
            active = active_of(connection, RULE)
            overdue = [one for one in bump_tests(connection, sensors, now_ns=now_ns) if one.state == "overdue"]
        wanted = {_key(one): one for one in overdue if _key(one) in active}
        wanted |= {_key(one): one for one in self._untested(overdue, wanted.keys(), readings, now_ns)}
        begun = [self._begin(one, now_ns) for key, one in wanted.items() if key not in active]
        if begun or active.keys() - wanted.keys():
            with self._engine.begin() as connection:
                active = active_of(connection, RULE)
                self._accept(connection, [*begun, *ended(active, wanted.keys(), now_ns)])

    def _untested(
        self, overdue: Sequence[BumpTest], known: Collection[tuple[str, str]], readings: Readings | None, now_ns: int
    ) -> list[BumpTest]:
        """Return the overdue tests without a test in the stored readings of their interval."""
        fresh = [one for one in overdue if _key(one) not in known]
        if readings is None:
            return fresh
        self._tested = {key: at_ns for key, at_ns in self._tested.items() if now_ns - at_ns < DAY_NS}
        unknown = [one for one in fresh if _key(one) not in self._tested][:LOOKED_UP_MAX]
        found = []
        for one in unknown:
            from_ns = now_ns - requirements().bump_test_ns[one.kind]
            try:
                tested = readings.tested(one.site, one.sensor, from_ns=from_ns, to_ns=now_ns)
            except StoreError:
                break
            if tested:
                self._tested[_key(one)] = now_ns
            else:
                found.append(one)
        return found

    def _begin(self, one: BumpTest, now_ns: int) -> Observation:
        name, days = self._registry.place_name(one.site, one.place), requirements().bump_test_ns[one.kind] // DAY_NS
        text = {
            "zh": f"{name['zh']}：探测器 {one.sensor} 逾期未做功能测试（周期 {days} 天）",
            "en": f"{name['en']}: the test of detector {one.sensor} is overdue (every {days} days)",
        }
        seen = own_finding(
            one.site,
            one.place,
            TEST_OVERDUE,
            rule=RULE,
            sensor=_key(one)[1],
            level=LEVEL,
            text=text,
            clears={"zh": "信号中出现测试后解除。", "en": "a test appears in its signal"},
            first_ns=now_ns,
            now_ns=now_ns,
            page=False,
        )
        return Observation(seen, Phase.RAISE, one.place, self._registry.zone_of(one.site, one.place).id)


def _key(one: BumpTest) -> tuple[str, str]:
    """Return site and source of the finding: the detector itself works, so its state stays as it is."""
    return one.site, f"{RULE}:{one.sensor}"
