"""Frigate: every documented topic is read, or ignored for a reason that its page states."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.decode import FrigateDecoder
from ingest.decode.frigate_messages import IGNORED, IGNORED_OF_CAMERA

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


EVENT = b'{"type":"new","after":{"id":"a","camera":"hall","label":"person","frame_time":1756692000}}'


def sensors(decoder: FrigateDecoder, topic: str, payload: bytes) -> list[str]:
    """Return the sensors of a message; the decoder's state is stored and restored."""
    decoded = decoder.decode(topic, payload, retained=False, now_ns=0)
    decoder.recall([(key, value) for key, value in decoded.memory.items() if value is not None])
    return [reading.sensor for reading in decoded.readings]


def test_other_topic_prefix_is_read() -> None:
    """The topic prefix is a setting of Frigate; the first event makes it known."""
    decoder = FrigateDecoder()
    assert not decoder.claims("nvr/hall/motion")
    assert decoder.claims("nvr/events")
    assert sensors(decoder, "nvr/events", EVENT) == ["hall"]
    assert sensors(decoder, "nvr/hall/motion", b"ON") == ["hall"]
    assert "nvr/+/audio/+" in decoder.subscriptions


def test_cameras_of_two_recorders_are_apart() -> None:
    """Cameras of one name behind two recorders are two sensors, in either order of the recorders."""
    for first, second in (("frigate", "nvr"), ("nvr", "frigate"), ("north", "south")):
        decoder = FrigateDecoder()
        assert sensors(decoder, f"{first}/events", EVENT) == ["hall"]
        found = sensors(decoder, f"{second}/events", EVENT)
        assert found == [f"{second}/hall"]
        status = decoder.decode(f"{second}/hall/status/detect", b"offline", retained=False, now_ns=0)
        assert [one.sensor for one in status.availability] == found


def test_events_of_another_program_are_unread() -> None:
    """A topic of the same name without a tracked object makes no prefix known."""
    decoder = FrigateDecoder()
    assert decoder.decode("door/events", b'{"type":"new"}', retained=False, now_ns=0).unread == ("events",)
    assert not decoder.claims("door/hall/motion")
    assert not decoder.claims("campus/events")


def test_every_ignored_topic_is_documented() -> None:
    """The page lists the ignored topics."""
    page = PAGE.read_text(encoding="utf-8")
    assert not [word for word in (*IGNORED, *IGNORED_OF_CAMERA) if word not in page]
