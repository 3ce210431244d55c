"""Hazard lifecycle: detections of one place and cause open, raise, clear and relapse one hazard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alerts import Actor, Forbidden, Grade, NotFound
from detectors import Phase

RAISE, CHANGE, CLEAR = Phase.RAISE, Phase.CHANGE, Phase.CLEAR
HOUR_S = 3_600


def test_findings_of_one_place_and_cause_are_one_hazard(world: Any, seen: Any) -> None:
    """Two sensors and three rules in one room share a hazard; another room, an hour later, or school has its own."""
    world.feed(
        seen(RAISE),
        seen(RAISE, sensor="smoke-101b", at_s=1),
        seen(RAISE, rule="co-rise", metric="co", at_s=2),
        seen(RAISE, sensor="smoke-102", at_s=HOUR_S + 1),
        seen(RAISE, site="school-2", at_s=4),
        seen(RAISE, hazard="sensor_silent", rule="silence", at_s=5),
    )
    found = [(hazard.site, hazard.place, hazard.cause, hazard.count) for hazard in world.hazards]
    assert found == [
        ("school-1", "d-101", "fire", 3),
        ("school-2", "d-101", "fire", 1),
        ("school-1", "d-101", "sensor_health", 1),
        ("school-1", "d-102", "fire", 1),
    ]
    assert len({ticket.hazard for ticket in world.tickets}) == len(world.tickets) == 4


def test_unassigned_sensors_never_share_a_hazard(world: Any, seen: Any) -> None:
    """Their common place is unknown."""
    world.feed(seen(RAISE, sensor="x"), seen(RAISE, sensor="y", at_s=1))
    assert [hazard.place for hazard in world.hazards] == ["unassigned:x", "unassigned:y"]


def test_a_hazard_is_active_until_its_last_finding_clears(world: Any, seen: Any) -> None:
    """The clearing of one sensor does not clear another's finding."""
    world.feed(seen(RAISE), seen(RAISE, sensor="smoke-101b", at_s=1), seen(CLEAR, at_s=2))
    assert world.hazards[0].active
    world.feed(seen(CLEAR, sensor="smoke-101b", at_s=9))
    (hazard,) = world.hazards
    assert (hazard.active, hazard.state) == (False, "returned")
    assert hazard.cleared_ns == world.batch(seen(CLEAR, at_s=9)).last_ns[0]


def test_a_finding_of_a_changed_rule_ends_and_the_new_version_pages(world: Any, seen: Any) -> None:
    """The end names its reason in the journal; days later a raise of the same grade pages, in a hazard of its own."""
    world.feed(seen(RAISE, page=True))
    world.feed(seen(CLEAR, at_s=60, first_s=0, ended="rule_changed"))
    assert not world.active_findings()
    assert not world.hazards[0].active
    texts = [event.facts["text"] for event in world.dispatch.queries.history(world.hazards[0].id)]
    assert texts[-1] == world.hazards[0].text
    world.now_ns += 1
    world.feed(seen(RAISE, at_s=30 * 24 * HOUR_S, page=True))
    assert len(world.paged()) == 2
    assert world.active_findings()


def test_a_lasting_condition_of_a_changed_rule_pages_again_in_its_hazard(world: Any, seen: Any) -> None:
    """End and raise of one reading: the hazard relapses and pages; an acknowledgement does not cover the new page."""
    world.feed(seen(RAISE, page=True))
    world.now_ns += 1
    world.feed(seen(CLEAR, at_s=60, first_s=0, ended="rule_changed"), seen(RAISE, at_s=60, page=True))
    (hazard,) = world.hazards
    assert hazard.active
    assert world.paged() == ["hazard.opened", "hazard.relapsed"]


def test_a_raise_by_another_recipe_pages_again_without_an_end(world: Any, seen: Any) -> None:
    """A detector without state raises over an open finding; the same recipe only changes it, and a late end is void."""
    world.feed(seen(RAISE, page=True, made="old"), seen(RAISE, at_s=5, page=True, made="old"))
    assert world.paged() == ["hazard.opened"]
    world.now_ns += 1
    world.feed(seen(RAISE, at_s=60, page=True, made="new"))
    (finding,), (hazard,) = world.active_findings(), world.hazards
    assert finding.evidence["made"] == {"recipe": "new"}
    assert hazard.active
    assert world.paged() == ["hazard.opened", "hazard.relapsed"]
    world.feed(seen(CLEAR, at_s=61, first_s=0, ended="rule_changed"))
    assert [one.id for one in world.active_findings()] == [finding.id]
    world.feed(seen(CLEAR, at_s=90, first_s=60, made="new"))
    assert not world.active_findings()


def test_the_grade_follows_the_findings_and_the_ticket_keeps_the_highest(world: Any, seen: Any) -> None:
    """An alarm steps down with its text; the highest grade stays on record, the ticket keeps grade and deadline."""
    world.feed(seen(RAISE, level=1, hazard="flood"))
    (before,) = world.tickets
    assert (world.hazards[0].grade, before.grade) == (Grade.YELLOW, Grade.YELLOW)
    world.feed(seen(CHANGE, level=3, hazard="flood", at_s=5))
    (after,) = world.tickets
    assert (world.hazards[0].grade, after.grade, after.id) == (Grade.RED, Grade.RED, before.id)
    assert after.due_ns < before.due_ns
    world.feed(seen(CHANGE, level=0, hazard="flood", at_s=9))
    (hazard,) = world.hazards
    assert (hazard.grade, hazard.highest_grade, hazard.text["en"]) == (Grade.BLUE, Grade.RED, "level 0")
    assert world.tickets == [after]
    assert world.paged() == ["hazard.raised"]


def test_the_text_gives_the_present_value_and_the_highest_with_its_time(world: Any, seen: Any) -> None:
    """The time of the highest value is on the clock of the school; a relapse begins with a highest value of its own."""
    world.feed(seen(RAISE, level=3, value=0.35), seen(CHANGE, level=1, value=0.06, at_s=60))
    (hazard,) = world.hazards
    assert hazard.text == {"zh": "级别1；最高 0.35 dB/m（22:13:20）", "en": "level 1; highest 0.35 dB/m at 22:13:20"}
    assert (hazard.highest["value"], hazard.highest["at_ns"]) == (0.35, hazard.opened_ns)
    world.feed(seen(CLEAR, value=0.01, at_s=90))
    assert world.hazards[0].text["en"].endswith("highest 0.35 dB/m at 22:13:20")
    world.feed(seen(RAISE, level=1, value=0.07, at_s=HOUR_S))
    assert world.hazards[0].text["en"] == "level 1"


def test_the_grade_falls_when_the_gravest_of_several_findings_clears(world: Any, seen: Any) -> None:
    """The text is that of the finding that remains."""
    world.feed(seen(RAISE, level=1), seen(RAISE, level=3, sensor="smoke-101b", at_s=1))
    world.feed(seen(CLEAR, sensor="smoke-101b", at_s=2))
    (hazard,) = world.hazards
    assert (hazard.active, hazard.grade, hazard.text["en"]) == (True, Grade.ORANGE, "level 1")


@pytest.mark.parametrize(
    ("levels", "pages"),
    [
        ([1], []),
        ([1, 2], ["hazard.raised"]),
        ([2, 3, 1, 2, 3], ["hazard.opened"]),
        ([0, 1, 3], ["hazard.raised"]),
    ],
)
def test_a_fire_pages_once_at_the_level_of_its_rule(
    world: Any, seen: Any, *, levels: list[int], pages: list[str]
) -> None:
    """An early finding is shown without a page at any grade; further levels of one grade page no more."""
    world.feed(seen(RAISE, level=levels[0]), *(seen(CHANGE, level=n, at_s=at) for at, n in enumerate(levels[1:], 1)))
    assert world.paged() == pages
    assert bool(world.hazards[0].paged_grade) == bool(pages)


@pytest.mark.parametrize(("page", "pages"), [(True, ["hazard.opened"]), (False, [])])
def test_the_rule_decides_on_the_page_and_the_grade_does_not(
    world: Any, seen: Any, *, page: bool, pages: list[str]
) -> None:
    """A held-open gate is yellow and pages; a red finding of a rule without pages does not."""
    world.feed(seen(RAISE, hazard="gate_held_open" if page else "fire", level=2 if page else 3, page=page))
    assert world.paged() == pages


def test_one_fire_in_two_rooms_of_one_stair_is_one_incident(world: Any, seen: Any) -> None:
    """The second room is a further place of the hazard, without a second page; it clears with both rooms."""
    world.feed(
        seen(RAISE), seen(RAISE, sensor="smoke-102", at_s=600), seen(CHANGE, sensor="smoke-102", level=3, at_s=660)
    )
    (hazard,) = world.hazards
    assert (hazard.place, hazard.places, hazard.count) == ("d-101", ("d-102",), 2)
    assert (world.paged(), len(world.tickets)) == (["hazard.opened"], 1)
    world.feed(seen(CLEAR, at_s=700), seen(RAISE, sensor="smoke-102", rule="heat", at_s=7200))
    assert [one.active for one in world.hazards] == [True]
    world.feed(seen(CLEAR, sensor="smoke-102", at_s=7300), seen(CLEAR, sensor="smoke-102", rule="heat", at_s=7300))
    assert [one.active for one in world.hazards] == [False]


def test_a_further_room_pages_again_once_someone_acknowledged(
    world: Any, seen: Any, people: Mapping[str, Actor]
) -> None:
    """The acknowledgement covers the rooms that had an alarm then."""
    world.feed(seen(RAISE))
    world.dispatch.acknowledge(world.hazards[0].id, people["operator"])
    world.feed(seen(RAISE, sensor="smoke-102", at_s=600))
    assert (world.hazards[0].state, sorted(world.paged())) == ("unacknowledged", ["hazard.opened", "hazard.raised"])


def test_a_relapse_pages_each_grade_again(world: Any, seen: Any) -> None:
    """The pages of yesterday do not cover the flood of today."""
    for day in (0, 24 * HOUR_S):
        world.feed(
            seen(RAISE, hazard="flood", level=2, at_s=day),
            seen(CHANGE, hazard="flood", level=3, at_s=day + 60),
            seen(CLEAR, hazard="flood", at_s=day + 120),
        )
    assert sorted(world.paged()) == ["hazard.opened", "hazard.raised", "hazard.raised", "hazard.relapsed"]


def test_blue_opens_a_hazard_without_a_ticket_until_it_is_yellow(world: Any, seen: Any) -> None:
    """A ticket opens automatically from yellow up."""
    world.feed(seen(RAISE, level=0, hazard="flood"))
    assert (world.hazards[0].grade, world.tickets) == (Grade.BLUE, [])
    world.feed(seen(CHANGE, level=1, hazard="flood", at_s=1))
    assert len(world.tickets) == 1


def test_a_log_position_is_applied_once(world: Any, seen: Any) -> None:
    """A crash repeats positions; repeats create nothing, also after a restart."""
    batch = world.batch(seen(RAISE), seen(CLEAR, at_s=4), seen(RAISE, at_s=9))
    assert world.dispatch.apply(batch, world.catalog, cursor=5) == 3
    before = (world.hazards, world.tickets, world.dispatch.queries.head())
    world.reopen()
    for cursor in (5, 4, 1):
        assert world.dispatch.apply(batch, world.catalog, cursor=cursor) == 0
    assert (world.hazards, world.tickets, world.dispatch.queries.head(), world.dispatch.cursor()) == (*before, 5)


def test_a_failure_in_the_middle_of_a_position_leaves_nothing_of_it(world: Any, seen: Any) -> None:
    """Effects and cursor share one transaction."""
    with pytest.raises(KeyError):
        world.feed(seen(RAISE), seen(RAISE, rule="other", hazard="no such hazard", at_s=1))
    assert (world.hazards, world.tickets, world.dispatch.cursor(), world.dispatch.queries.head()) == ([], [], 0, 0)
    world.position = 0
    world.feed(seen(RAISE))
    assert len(world.tickets) == 1


@pytest.mark.parametrize(("hours", "same"), [(71, True), (73, False)])
def test_a_finding_within_the_relapse_window_is_the_same_hazard(
    world: Any, seen: Any, *, hours: int, same: bool
) -> None:
    """The relapse window of fire is 72 h after clearing; a later one is further evidence of the open danger."""
    world.feed(seen(RAISE), seen(CLEAR, at_s=10), seen(RAISE, at_s=10 + hours * HOUR_S))
    assert (len(world.hazards), len(world.tickets)) == (1 if same else 2, 1)
    assert world.hazards[0].count == (2 if same else 1)
    assert world.hazards[-1].active


def test_a_relapse_needs_a_new_acknowledgement(world: Any, seen: Any, people: Mapping[str, Actor]) -> None:
    """An acknowledgement covers one alarm only."""
    world.feed(seen(RAISE))
    world.dispatch.acknowledge(world.hazards[0].id, people["operator"])
    world.feed(seen(CLEAR, at_s=1), seen(RAISE, at_s=2))
    assert world.hazards[0].state == "unacknowledged"


def test_the_four_alarm_states(world: Any, seen: Any, people: Mapping[str, Actor]) -> None:
    """Active or cleared, acknowledged or not; the person may undo it."""
    world.feed(seen(RAISE))
    alarm = world.hazards[0].id
    assert world.hazards[0].state == "unacknowledged"
    acknowledged = world.dispatch.acknowledge(alarm, people["operator"])
    assert (acknowledged.state, acknowledged.acknowledged_by) == ("acknowledged", "operator")
    assert world.dispatch.acknowledge(alarm, people["officer"]).acknowledged_by == "operator"
    world.feed(seen(CLEAR, at_s=1))
    assert world.hazards[0].state == "normal"
    assert world.dispatch.acknowledge(alarm, people["operator"], undo=True).state == "returned"
    kinds = [event.kind for event in world.dispatch.queries.history(alarm)]
    assert kinds == ["hazard.opened", "hazard.acknowledged", "hazard.cleared", "hazard.unacknowledged"]


def test_only_those_of_the_control_room_and_of_the_site_acknowledge(
    world: Any, seen: Any, people: Mapping[str, Actor]
) -> None:
    """A viewer is forbidden; a foreign site answers as if the hazard did not exist."""
    world.feed(seen(RAISE))
    with pytest.raises(Forbidden):
        world.dispatch.acknowledge(world.hazards[0].id, people["viewer"])
    foreign = Actor("op2", frozenset(("operator",)), frozenset(("school-2",)))
    with pytest.raises(NotFound):
        world.dispatch.acknowledge(world.hazards[0].id, foreign)
    assert world.hazards[0].acknowledged_by is None


def test_a_drill_stays_apart_from_a_real_hazard(world: Any, seen: Any) -> None:
    """A drill opens no ticket, pages nobody, and its end does not clear the real hazard."""
    world.feed(seen(RAISE, drill=True, level=3))
    assert [(hazard.drill, hazard.active) for hazard in world.hazards] == [(True, True)]
    assert (world.tickets, world.paged()) == ([], [])
    world.feed(seen(RAISE, at_s=1), seen(CLEAR, drill=True, at_s=2))
    assert {hazard.drill: hazard.active for hazard in world.hazards} == {True: False, False: True}
    assert world.paged() == ["hazard.opened"]


def test_a_late_hazard_opens_a_ticket_and_pages_nobody(world: Any, seen: Any) -> None:
    """Late evidence still needs rectification."""
    world.feed(seen(RAISE, late=True, level=3))
    assert (world.hazards[0].late, len(world.tickets), world.paged()) == (True, 1, [])


def test_a_live_finding_makes_a_late_hazard_live(world: Any, seen: Any) -> None:
    """Late evidence that continues live is live."""
    world.feed(seen(RAISE, late=True), seen(RAISE, sensor="smoke-101b", at_s=1))
    assert not world.hazards[0].late


steps = st.lists(
    st.tuples(
        st.sampled_from(Phase),
        st.sampled_from(("smoke-101", "smoke-101b", "smoke-102")),
        st.integers(0, 3),
        st.booleans(),
        st.integers(1, 200 * HOUR_S),
    ),
    max_size=25,
)

RETURNED_WITH_AN_OPEN_TICKET = [
    (RAISE, "smoke-101b", 1, False, 1),
    (CLEAR, "smoke-101b", 0, False, 1),
    (RAISE, "smoke-101", 1, False, 73 * HOUR_S),
]
"""The second hazard is evidence of the danger that the open ticket follows."""


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=steps, cuts=st.sets(st.integers(1, 25)))
@example(story=RETURNED_WITH_AN_OPEN_TICKET, cuts=set())
def test_any_sequence_keeps_one_active_hazard_per_place_and_one_ticket_per_danger(
    make_world: Callable[..., Any], seen: Any, story: list[tuple[Any, ...]], cuts: set[int]
) -> None:
    """Any sequence in any portions: same result, one active hazard per place and cause, no ticket for a drill."""
    rows, at_s = [], 0
    for phase, sensor, level, drill, gap_s in story:
        at_s += gap_s
        rows.append(seen(phase, sensor=sensor, level=level, drill=drill, at_s=at_s))
    whole, parted = make_world(), make_world()
    whole.feed(*rows)
    edges = [0, *sorted(cut for cut in cuts if cut < len(rows)), len(rows)]
    for start, end in pairwise(edges):
        parted.feed(*rows[start:end])
    assert whole.hazards == parted.hazards
    assert [ticket.hazard for ticket in whole.tickets] == [ticket.hazard for ticket in parted.tickets]
    active = [(h.site, place, h.cause, h.drill) for h in whole.hazards if h.active for place in (h.place, *h.places)]
    assert len(active) == len(set(active))
    graded = {hazard.id for hazard in whole.hazards if hazard.highest_grade <= Grade.YELLOW and not hazard.drill}
    ticketed = [ticket.danger for ticket in whole.tickets]
    assert len(ticketed) == len(set(ticketed))
    assert {whole.danger_of(hazard) for hazard in graded} <= set(ticketed)
    assert not {ticket.hazard for ticket in whole.tickets} & {hazard.id for hazard in whole.hazards if hazard.drill}
    open_rows = {(f.sensor, f.drill) for f in whole.active_findings()}
    assert open_rows == _expected_open(rows)
    make_world.finish()


def _expected_open(rows: list[Any]) -> set[tuple[str, bool]]:
    """Return the expected open findings: raised and changed ones until they clear."""
    standing: set[tuple[str, bool]] = set()
    for row in rows:
        key = (row.sensor, row.drill)
        standing = standing - {key} if row.phase is CLEAR else standing | {key}
    return standing
