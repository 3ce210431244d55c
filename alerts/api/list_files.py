"""Lists as files, XLSX or CSV: media types, and the content of an import."""

from __future__ import annotations

import base64
import binascii

from alerts import Invalid
from alerts.documents import files

from .binary import file_answer

MEDIA = {form: files.MEDIA[form] for form in ("xlsx", "csv")}
FILE = file_answer(MEDIA.values(), "the file")


def decoded(content: str) -> bytes:
    """Return the bytes of a file in base64. Raises Invalid for another text."""
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid.in_both({"content": ("a file in base64", "文件内容编码有误")}) from error
