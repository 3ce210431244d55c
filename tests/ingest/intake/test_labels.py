"""Labels of readings: the number of a card is stored as a pseudonym only."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest import BatchSettings, Catalog, Intake
from ingest.decode import FOREIGN, decoders
from ingest.decode.contract import Reading
from ingest.intake.labels import Labels

CARDS = st.text(min_size=1, max_size=64)


def grant(card: str) -> Reading:
    """Return a grant with a card."""
    return Reading("g", "gate", "access_granted", 1.0, "bool", card=card)


@given(CARDS, CARDS)
def test_equal_cards_have_equal_pseudonyms_of_one_key(one: str, other: str) -> None:
    """Two runs draw two keys: their pseudonyms cannot be linked."""
    labels = Labels()
    assert (labels.of(grant(one)) == labels.of(grant(other))) == (one == other)
    assert labels.of(grant(one)) != Labels().of(grant(one))


@given(CARDS)
def test_a_card_number_does_not_print(card: str) -> None:
    """Neither the reading's text nor its labels contain the number."""
    long = f"number {card}"
    assert long not in repr(grant(long))
    assert long not in str(Labels().of(grant(long)))


def test_native_and_access_controller_grants_get_the_pseudonym_of_their_card() -> None:
    """The batch has one pseudonym for both, on the grant alone, and no number."""
    intake = Intake(Catalog(), decoders(FOREIGN), batch=BatchSettings(age_s=10))
    native = b'[{"access_granted": true, "open": true, "card": "0047110815"}, {"access_granted": true}]'
    event = b'{"majorEventType": 5, "subEventType": 1, "doorNo": 1, "cardNo": "0047110815"}'
    access = b'{"macAddress": "e0:ca:3c:00:00:34", "dateTime": "2026-09-08T07:42:18Z", "AccessControllerEvent": %b}'
    now_ns = 1_788_854_538_000_000_000
    topic = b"hikvision/gate-3/AccessControllerEvent"
    intake.accept([(2, 1, b"campus/s1/gate/g", native), (2, 2, topic, access % event)], now_ns)
    sealed = intake.seal()
    assert sealed is not None
    cards = [dims["card"] for _, dims in sorted(sealed.batch.attributes.items()) if "card" in dims]
    assert len(cards) == 2
    assert cards[0] == cards[1] != "0047110815"
    assert "0047110815" not in str(sealed.batch.attributes)
