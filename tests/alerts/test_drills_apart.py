"""Drill findings change no real figure: statistics, league, ledger, pages, grades, coverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts import Actor
from detectors import Phase
from tests.alerts.api.generated import GENERATED
from tests.alerts.conftest import ALL, START_NS, Seen

BOSS = Actor("boss", frozenset(("admin",)))
DISTRICT = Actor("district", frozenset(("district",)))
YEAR_NS = 365 * 86_400 * 10**9
KINDS = (("fire", 3), ("fire", 1), ("leak", 2), ("sensor_silent", 1), ("gateway_silent", 1), ("detector_lost", 1))
HEADS = (("school-1", "smoke-101"), ("school-1", "smoke-101b"), ("school-1", "smoke-102"), ("school-2", "smoke-101"))
FINDINGS = st.lists(
    st.builds(
        lambda kind, head, phase, step, drill: Seen(
            phase,
            sensor=head[1],
            site=head[0],
            hazard=kind[0],
            rule=f"{kind[0]}-rule",
            level=kind[1],
            at_s=step,
            drill=drill,
            page=kind[0] == "fire",
        ),
        st.sampled_from(KINDS),
        st.sampled_from(HEADS),
        st.sampled_from((Phase.RAISE, Phase.RAISE, Phase.CLEAR)),
        st.integers(0, 600),
        st.booleans(),
    ),
    min_size=4,
    max_size=16,
)


def played(world: Any, found: Sequence[Seen]) -> dict[str, Any]:
    """Return the real figures of a school after these findings."""
    for sensor in world.registry.sensors:
        world.catalog.code(sensor.site, sensor.id, sensor.kind, wire="campus", now_ns=world.now_ns)
    for one in found:
        world.now_ns = START_NS + int(one.at_s) * 10**9
        world.feed(one)
    world.now_ns = START_NS + 700 * 10**9
    world.dispatch.tick(world.now_ns, world.catalog)
    dispatch, span = world.dispatch, (START_NS - YEAR_NS, START_NS + YEAR_NS)
    queries = dispatch.queries
    hazards = [replace(one, version=0) for one in world.hazards if not one.drill]
    notices = queries.notices(BOSS, site=None, page=ALL)
    assert {one.drill for one in queries.open_hazards(BOSS, site=None, at_ns=None)} <= {False}
    return {
        "league": dispatch.supervision.schools(DISTRICT, None, *span, catalog=world.catalog),
        "statistics": dispatch.supervision.statistics(DISTRICT, None, *span),
        "hazards": hazards,
        "tickets": [(one.number, one.site, one.place, one.hazard, one.state, one.grade) for one in world.tickets],
        "roll-up": sorted((one.id, one.grade) for one in queries.open_hazards(BOSS, site=None, at_ns=world.now_ns)),
        "ledger": [
            len(dispatch.papers.dangers_of_span(BOSS, site, *span).tickets) for site in ("school-1", "school-2")
        ],
        "pages": sorted(
            (one.type, one.channel, one.hazard, one.created_ns) for one in notices if not one.body.get("drill")
        ),
        "load": [
            queries.annunciations_since(BOSS, site=site, since_ns=START_NS - 1) for site in ("school-1", "school-2")
        ],
        "rules": queries.rule_counts(BOSS, site=None, since_ns=START_NS - 1),
        "rooms": dispatch.discipline.rooms(world.catalog),
        "metrics": queries.counts(),
    }


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # nothing in it depends on the database
def test_drill_findings_change_no_real_figure(make_world: Any) -> None:
    """A school with drill findings among its real ones has the figures of the same school without them."""

    @settings(GENERATED, max_examples=6)
    @given(FINDINGS)
    def check(found: list[Seen]) -> None:
        ordered = sorted(found, key=lambda one: one.at_s)
        real = played(make_world(), [one for one in ordered if not one.drill])
        mixed = played(make_world(), ordered)
        for name, figure in real.items():
            assert mixed[name] == figure, name
        make_world.finish()

    check()
