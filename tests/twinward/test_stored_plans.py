"""Plans of the database before it opens: any folder, and a server that does not answer."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import insert

from alerts import Site, open_database
from alerts.database.schema import plans
from alerts.plans.plan import Floor, Plan, encode
from twinward.detection.stored_plans import stored_plans, tables_of
from twinward.settings import Settings


def test_plans_are_found_in_a_folder_of_any_name(tmp_path: Path) -> None:
    """Characters with a meaning in an address are part of the name."""
    folder = tmp_path / "data #1 50%"
    folder.mkdir()
    plan = Plan(Site("school-9", "新校", "New school", kind="primary"), (Floor(1),))
    settings = Settings(data_dir=folder)
    engine = open_database(settings.database_url)
    with engine.begin() as connection:
        connection.execute(insert(plans).values(site="school-9", version=1, content=encode(plan)))
    engine.dispose()
    assert stored_plans(settings) == [plan]


def test_a_server_that_does_not_answer_stops_no_intake(tmp_path: Path) -> None:
    """Cameras may name sites that only the plans of that server have."""
    cameras = tmp_path / "cameras.toml"
    cameras.write_text('[[camera]]\nsite = "school-9"\nid = "gate"\nurl = "http://127.0.0.1/still.jpg"\n')
    cameras.chmod(0o600)
    settings = Settings(data_dir=tmp_path, cameras=cameras, database="postgresql+psycopg://127.0.0.1:1/alerts")
    assert [one.id for one in tables_of(settings).cameras] == ["gate"]
