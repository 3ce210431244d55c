"""Accounts: they balance, and the quarantine sample is bounded and masked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import Count, residual
from ingest.devices.accounting import OTHER_SITE, SAMPLE_BYTES, Accounts, Refusal, Source, sample

SOURCES = st.builds(Source, st.sampled_from(("a", "b")), st.sampled_from(("native", "frigate")))


@given(st.lists(st.tuples(SOURCES, st.booleans(), st.integers(0, 5)), max_size=50))
def test_rejects_and_storage_balance(events: list[tuple[Source, bool, int]]) -> None:
    """Every received reading is stored or quarantined, for every source."""
    accounts = Accounts()
    for source, refused, rows in events:
        if refused:
            accounts.refuse(source, Refusal("json", "", 0, b"t", b"{"), rows=rows)
        else:
            accounts.add(source, "received", rows=rows)
            accounts.add(source, "stored", rows=rows)
    counts, _ = accounts.drain()
    assert not any(residual(counts).values())
    assert sum(rows for count, rows in counts.items() if count.outcome == "received") == sum(e[2] for e in events)
    assert accounts.drain() == ({}, [])


def test_a_missing_reading_appears_as_residual() -> None:
    """The balance detects a missing reading."""
    assert residual({Count("a", "native", "received"): 3, Count("a", "native", "stored"): 2}) == {("a", "native"): 1}


def test_the_sample_is_bounded_per_reason_and_in_all_while_counts_stay_exact() -> None:
    """One faulty device cannot fill the quarantine."""
    accounts = Accounts(quarantine_max=7, same_max=5)
    for reason in ("json", "type", "empty"):
        for _ in range(100):
            accounts.refuse(Source("a", "native"), Refusal(reason, "d" * 999, 1, b"t" * 9999, b"x" * 9999))
    counts, kept = accounts.drain()
    assert [one.reason for one in kept] == ["json"] * 5 + ["type"] * 2
    assert counts[Count("a", "native", "quarantined", "json")] == 100
    assert accounts.unsampled_total == 293
    assert all(len(one.payload) == SAMPLE_BYTES and len(one.detail) <= 200 and len(one.topic) <= 512 for one in kept)


def test_sites_from_the_wire_are_bounded() -> None:
    """A flood of invented sites is counted under one name."""
    accounts = Accounts(sites_max=2)
    for number in range(5):
        accounts.add(Source(f"s{number}", "native"), "received")
    counts, _ = accounts.drain()
    assert counts[Count(OTHER_SITE, "native", "received")] == 3


@pytest.mark.parametrize(
    "payload",
    [
        b'{"card_no": "4711secret"}',
        b'{"holderName" : "secret \\" secret"}',
        b'{"plate": "secret',
        b'{"card": 4711, "x": 1}',
    ],
)
def test_personal_values_are_masked_in_the_sample(payload: bytes) -> None:
    """Values of personal keys never reach the quarantine."""
    masked = sample(payload)
    assert b"secret" not in masked
    assert b"4711" not in masked
    assert b"***" in masked
