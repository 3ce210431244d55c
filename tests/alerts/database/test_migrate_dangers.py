"""Migration of tickets to dangers: there and back with data, on both databases."""

from __future__ import annotations

from typing import Any

from alembic import command
from sqlalchemy import inspect, text

from alerts import Actor
from alerts.database.migrate import alembic_config
from alerts.model import identity
from alerts.tickets.intake import Found
from detectors import Phase

OFFICER = Actor("officer", frozenset(("officer",)))
FIVE = ("responsibility", "measures", "funds", "time_limit", "contingency_plan")


def move(world: Any, revision: str) -> None:
    """Bring the database to a revision."""
    with world.engine.begin() as connection:
        configuration = alembic_config()
        configuration.attributes["connection"] = connection
        (command.upgrade if revision == "head" else command.downgrade)(configuration, revision)


def test_tickets_keep_their_data_on_the_way_back_and_forth(world: Any, seen: Any) -> None:
    """A ticket of a hazard keeps its state and five-fulfil; one of a person has no place in the former schema."""
    world.feed(seen(Phase.RAISE))
    fire = world.act(world.tickets[0], "declare_major", "officer", note="exit barred")
    fire = world.act(fire, "fulfil", "officer", **dict.fromkeys(FIVE, "statement"))
    found = world.dispatch.intake.find(OFFICER, Found("school-1", "d-102", "exit_blocked", "patrol", "barred"))
    move(world, "0015")
    with world.engine.connect() as connection:
        assert "danger" not in {one["name"] for one in inspect(connection).get_columns("tickets")}
        assert not inspect(connection).has_table("dangers")
        assert connection.execute(text("SELECT id, hazard, fulfilled FROM tickets")).all() == [
            (fire.id, fire.hazard, True)
        ]
    move(world, "head")
    (ticket,) = world.tickets
    assert (ticket.danger, ticket.state) == (identity("danger", fire.hazard), "graded")
    assert set(ticket.fulfilment) == set(FIVE)
    danger = world.dispatch.danger_queries.by_id([ticket.danger], OFFICER)[ticket.danger]
    assert (danger.cause, danger.source, danger.place) == ("fire", "sensor", "d-101")
    report = world.dispatch.verify()
    assert {line.split(":")[0] for line in report.rows_differing} == {f"tickets {found.id}", f"dangers {found.danger}"}
    world.damaged = True
