"""Frigate: every documented topic is read, or ignored for a reason that its page states."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.decode import FrigateDecoder
from ingest.decode.frigate import IGNORED, IGNORED_OF_CAMERA

PAGE = Path(__file__).resolve().parents[3] / "docs" / "formats" / "frigate.md"
SWITCHES = (
    *("enabled", "detect", "audio", "audio_transcription", "recordings", "snapshots", "motion", "improve_contrast"),
    *("motion_threshold", "motion_contour_area", "ptz_autotracker", "review_alerts", "review_detections"),
    *("object_descriptions", "review_descriptions", "birdseye", "birdseye_mode", "notifications"),
)


@pytest.mark.parametrize("word", SWITCHES)
@pytest.mark.parametrize("end", ["set", "state"])
def test_setting_gives_no_reading(word: str, end: str) -> None:
    """The state of a switch is no measurement, and is not counted as unread."""
    decoded = FrigateDecoder().decode(f"frigate/hall/{word}/{end}", b"ON", retained=False, now_ns=0)
    assert decoded.ignored
    assert not [*decoded.readings, *decoded.unread, *decoded.rejects]


@pytest.mark.parametrize("topic", ["frigate/novel", "frigate/hall/novel/part", "frigate/hall/audio/a/b"])
def test_unknown_topic_is_unread(topic: str) -> None:
    """A topic outside the documents is counted, never dropped without a record."""
    assert FrigateDecoder().decode(topic, b"7", retained=False, now_ns=0).unread


def test_doubtful_time_keeps_the_object() -> None:
    """An event with an unusable time is read at its arrival, with the doubt."""
    payload = b'{"type":"new","after":{"id":"a","camera":"c","label":"fire","frame_time":"noon"}}'
    (reading,) = FrigateDecoder().decode("frigate/events", payload, retained=False, now_ns=0).readings
    assert (reading.metric, reading.time_ns) == ("object_present", None)
    assert reading.doubt


def test_other_topic_prefix_is_read() -> None:
    """The topic prefix is a setting of Frigate."""
    decoder = FrigateDecoder(base="north/nvr")
    decoded = decoder.decode("north/nvr/hall/motion", b"ON", retained=False, now_ns=0)
    assert [reading.sensor for reading in decoded.readings] == ["hall"]
    assert all(topic.startswith("north/nvr/") for topic in decoder.subscriptions)


def test_every_ignored_topic_is_documented() -> None:
    """The page lists the ignored topics."""
    page = PAGE.read_text(encoding="utf-8")
    assert not [word for word in (*IGNORED, *IGNORED_OF_CAMERA) if word not in page]
