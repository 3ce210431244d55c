"""XML payloads: bounded, without document types, read like objects."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.decode import Reject
from ingest.decode.document_xml import is_xml, read_xml


@pytest.mark.parametrize(
    "payload",
    [
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b"<a><![CDATA[text]]></a>",
        b"<a>" * 20 + b"x" + b"</a>" * 20,
        b"<a><b></a>",
        b"<a>&undefined;</a>",
        b'<?xml version="1.0" encoding="none"?><a/>',
        b"<",
    ],
)
def test_unusual_xml_is_rejected(payload: bytes) -> None:
    """Entities, depth, broken structure and foreign encodings are rejects with the reason."""
    assert is_xml(payload)
    found = read_xml(payload)
    assert isinstance(found, Reject)
    assert "XML" in found.detail


def test_the_first_of_several_elements_counts() -> None:
    """Names lose their namespace, integers are numbers, and a byte order mark or a NUL does no harm."""
    text = '\ufeff<e xmlns="urn:x"><id>07</id><id>8</id><mac>e0:ca</mac><part><at> 1 </at></part><none/></e>'
    expected = {"e": {"id": 7, "mac": "e0:ca", "part": {"at": 1}, "none": ""}}
    assert read_xml(text.encode() + b"\0") == expected


@given(st.binary(max_size=200))
def test_no_payload_raises(payload: bytes) -> None:
    """Any bytes give an object or a reject."""
    assert isinstance(read_xml(payload), dict | Reject)
