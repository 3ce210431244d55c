"""Reader for XML payloads: nested objects of texts, without entities and document types.

A document type could name files and grow without bound, so a payload with one is rejected before it is parsed.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

from .contract import Reject

_DEPTH_MAX = 16
_INTEGER = re.compile(r"\d{1,9}", re.ASCII)


def is_xml(payload: bytes) -> bool:
    """Return whether the payload begins like XML, after a byte order mark and white space."""
    return payload.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"


def read_xml(payload: bytes) -> dict[str, Any] | Reject:
    """Return {root name: content}, or a Reject with the reason. Names have no namespace.

    Values are texts or integers. An element with elements is an object. Of elements with one name the first counts.

    >>> read_xml(b'<Event xmlns="urn:x"><eventType>VMD</eventType><Part><id>3</id></Part></Event>')
    {'Event': {'eventType': 'VMD', 'Part': {'id': 3}}}
    """
    if b"<!" in payload:
        return Reject("type", "XML with a document type, an entity or CDATA; allowed are elements with texts")
    try:
        root = ET.fromstring(payload.rstrip(b"\0"))  # noqa: S314 - no entities
    except (ET.ParseError, ValueError, LookupError) as error:
        return Reject("type", f"XML: {error}"[:120])
    found = _content(root, 0)
    return found if isinstance(found, Reject) else {_name(root): found}


def _content(element: ET.Element, depth: int) -> dict[str, Any] | str | int | Reject:
    """Return the object, the text or the integer of an element."""
    if not len(element):
        text = (element.text or "").strip()
        return int(text) if _INTEGER.fullmatch(text) else text
    if depth >= _DEPTH_MAX:
        return Reject("type", f"XML with more than {_DEPTH_MAX} levels")
    parts: dict[str, Any] = {}
    for child in element:
        found = _content(child, depth + 1)
        if isinstance(found, Reject):
            return found
        parts.setdefault(_name(child), found)
    return parts


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
