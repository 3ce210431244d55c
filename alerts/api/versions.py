"""Versions of objects in the headers ETag and If-Match."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Response

from alerts import Invalid

from .problem import VersionNeeded

VERSION_DIGITS_MAX = 9
ETAG = {"description": "version of the object, for If-Match", "schema": {"type": "string"}}
WITH_ETAG: dict[int | str, dict[str, Any]] = {200: {"headers": {"ETag": ETAG}}}
IfMatch = Annotated[str | None, Header(description="ETag of the present object; none to create one")]


def version_of(if_match: str | None, of: str = "object") -> int | None:
    """Return the version of an If-Match header, None without one. of: name of the object. Raises Invalid."""
    if if_match is None:
        return None
    version = if_match.removeprefix("W/").strip('"')
    if not version.isdigit() or len(version) > VERSION_DIGITS_MAX:
        raise Invalid.in_both({"If-Match": (f"the ETag of the {of}", "版本号（ETag）无效，请重新载入后再改")})
    return int(version)


def required_version(if_match: str | None, of: str) -> int:
    """Return the version of an If-Match header. Raises VersionNeeded without one, Invalid for another value."""
    version = version_of(if_match, of)
    if version is None:
        raise VersionNeeded(of)
    return version


def mark(response: Response, version: int) -> None:
    """Set the ETag of the response."""
    response.headers["ETag"] = f'"{version}"'
