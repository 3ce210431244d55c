"""Bodies of files in the OpenAPI document: pictures and documents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

JPEG = "image/jpeg"
BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
JPEG_REQUEST: dict[str, Any] = {"requestBody": {"content": {JPEG: BINARY}}}


def file_answer(media: Iterable[str], description: str) -> dict[int | str, dict[str, Any]]:
    """Return the entry of an answer 200 with a file of one of these media types; parameters do not count."""
    return {200: {"content": {name.partition(";")[0]: BINARY for name in media}, "description": description}}
