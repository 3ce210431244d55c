"""Clocks, reprocessing and device accounts over HTTP, cut to the caller's sites."""

from __future__ import annotations

from typing import Any


def test_clock_errors_are_in_seconds(office: Any) -> None:
    """Offset, bound and drift of each device; of one site where given."""
    client = office.sign_in("admin")
    items = client.get("clocks", params={"site": "school-1"}).json()["items"]
    assert {item["site"] for item in items} == {"school-1"}
    assert {(item["offset_s"], item["bound_s"], item["drift_ppm"]) for item in items} == {(-3600.0, 1.2, 20.0)}
    assert client.get("clocks").json()["items"] == items, "this administrator has the site school-1"
    assert client.get("clocks", params={"site": "school-2"}).json()["items"] == []


def test_reprocessing_is_requested_and_journalled(office: Any) -> None:
    """202 with the number of messages; the journal contains the actor; an unknown key is rejected."""
    client = office.sign_in("admin")
    assert client.post("quarantine/replay", json={"reason": "time_past"}).status_code == 403, "no site named"
    assert client.post("quarantine/replay", json={"site": "school-2"}).status_code == 404
    answer = client.post("quarantine/replay", json={"site": "school-1", "reason": "time_past"})
    assert (answer.status_code, answer.json()) == (202, {"messages": 2})
    [noted, *_] = client.get("audit").json()["items"]
    assert noted["kind"] == "quarantine.replayed"
    assert noted["facts"] == {"reason": "time_past", "messages": 2}
    assert client.post("quarantine/replay", json={"raeson": "x"}).status_code == 422


def test_device_accounts_are_paged(office: Any) -> None:
    """By cursor, for one site; optionally only devices with trouble; 422 without a site."""
    client = office.sign_in("operator")
    asked = {"by": "device", "site": "school-1", "limit": 2}
    first = client.get("accounting", params=asked).json()
    assert [item["sensor"] for item in first["items"]] == ["school-1-0", "school-1-1"]
    second = client.get("accounting", params=asked | {"cursor": first["next"]}).json()
    assert ([item["sensor"] for item in second["items"]], second["next"]) == (["school-1-2"], None)
    assert second["remainder"]["residual"] == 0
    alone = client.get("accounting", params=asked | {"trouble": True}).json()
    assert [item["sensor"] for item in alone["items"]] == ["school-1-0"]
    assert client.get("accounting", params={"by": "device"}).status_code == 422
    by_format = client.get("accounting", params={"site": "school-1"}).json()
    assert [row["site"] for row in by_format["by"]] == ["school-1"]


def test_a_school_sees_only_its_own_accounts(office: Any) -> None:
    """No figure of the response counts a reading of another site; an account of all sites sees the whole."""
    office.people.create("everywhere", "long enough for a test", roles=["district"])
    own, whole = (office.sign_in(name).get("accounting").json() for name in ("officer", "everywhere"))
    assert [row["site"] for row in own["by"]] == ["school-1"]
    assert own["total"] == {name: own["by"][0][name] for name in own["total"]}
    assert (own["log"], own["store"], own["lag"]) == (None, None, {})
    assert [row["site"] for row in whole["by"]] == ["school-1", "school-2"]
    assert whole["log"] == {"head": 1}
