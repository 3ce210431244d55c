"""Classifier of topics that may carry an alarm."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from ingest import URGENT_KINDS
from ingest.decode import FOREIGN, NativeDecoder, decoders
from ingest.mqtt import urgent_filters
from ingest.mqtt.urgent import all_comfort, may_be_urgent

levels = st.sampled_from(["campus", "s", "smoke", "gate", "env", "zigbee2mqtt", "a", "烟感", "smoke-1", "campus2"])
topics = st.lists(st.lists(levels, min_size=1, max_size=5).map("/".join), max_size=6)
WANTED = [each for decoder in (*decoders(FOREIGN), NativeDecoder()) for each in decoder.subscriptions]


@given(topics)
def test_a_group_of_topics_is_classified_like_its_members(names: list[str]) -> None:
    """Any topics, including none, have the same result alone and together."""
    raw = [name.encode() for name in names]
    assert all_comfort(raw) == (not any(map(may_be_urgent, raw)))


@given(topics)
def test_the_filters_match_the_topics_that_may_be_urgent(names: list[str]) -> None:
    """The filters exclude native comfort topics and keep all topics of other formats."""
    for name in names:
        wanted = any(topic_matches_sub(each, name) for each in WANTED)
        brought = any(topic_matches_sub(each, name) for each in urgent_filters(WANTED))
        assert brought <= wanted
        root, *more = name.split("/")
        assert brought or not wanted or (root == "campus" and more[1] not in URGENT_KINDS)
        assert may_be_urgent(name.encode()) or not brought
    assert set(urgent_filters(WANTED)) - set(WANTED) == {"campus/+/gate/+", "campus/+/smoke/+"}
    assert urgent_filters(["zigbee2mqtt/#"]) == ["zigbee2mqtt/#"]
