"""One JPEG of a camera over HTTP: bounded in size and time, no redirects, Basic and Digest (RFC 7616)."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from http import HTTPStatus

from alerts.dangers.photos import encoded
from alerts.errors import GuardFailed, Invalid
from alerts.notices.channels.destinations import read_destination
from alerts.notices.channels.exchange import FAILURES, Exchange

from .camera_file import Camera

TIMEOUT_S = 4.0
"""Limit of one exchange; a camera with Digest takes two."""
BYTES_MAX = 8 * 1024 * 1024
_JPEG = b"\xff\xd8\xff"
_DIGESTS = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_PART = re.compile(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


def fetch(camera: Camera) -> bytes:
    """Return a still, re-encoded without metadata. Raises GuardFailed, which holds no address or credential."""
    to = read_destination(camera.id, camera.url, allow_private=True)
    exchange = Exchange(to, allow_private=True, timeout_s=TIMEOUT_S, answer_bytes_max=BYTES_MAX)
    headers = {"accept": "image/jpeg"}
    try:
        status, content, challenges = exchange.challenged("GET", headers, None)
        if status == HTTPStatus.UNAUTHORIZED and camera.username:
            headers["authorization"] = credentials(camera, challenges, to.target)
            status, content, _ = exchange.challenged("GET", headers, None)
    except (*FAILURES, OSError, ValueError) as error:
        raise GuardFailed("camera_no_answer", "摄像机无响应", "the camera does not respond") from error
    return _checked(status, content)


def _checked(status: int, content: bytes) -> bytes:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise GuardFailed("camera_refused", "摄像机拒绝了配置的账号", "the camera refuses the account of the settings")
    if status // 100 == 3:  # noqa: PLR2004 - class of redirects
        raise GuardFailed(
            "camera_redirect",
            "摄像机要求跳转到其他地址，已拒绝",
            "the camera redirects to another address, which is not followed",
        )
    if status != HTTPStatus.OK:
        raise GuardFailed("camera_status", f"摄像机返回错误 {status}", f"the camera returns status {status}")
    if len(content) > BYTES_MAX:
        raise GuardFailed("camera_too_large", "摄像机图片超过8 MB", "the still of the camera exceeds 8 MB")
    try:
        return encoded(content if content.startswith(_JPEG) else b"")
    except Invalid as error:
        raise GuardFailed(
            "camera_no_jpeg", "摄像机返回的不是完整的JPEG图片", "the camera returns no complete JPEG"
        ) from error


def credentials(camera: Camera, challenges: list[str], target: str) -> str:
    """Return the value of `authorization` for the challenges. Raises GuardFailed for none that is known.

    Digest comes before Basic, which sends the password as it is.
    """
    for challenge in challenges:
        scheme, _, rest = challenge.partition(" ")
        parts = {name.lower(): quoted or plain for name, quoted, plain in _PART.findall(rest)}
        if scheme.lower() == "digest" and parts.get("algorithm", "MD5").upper() in _DIGESTS and "nonce" in parts:
            return _digest(camera, parts, target)
    if any(challenge.lower().startswith("basic") for challenge in challenges):
        return "Basic " + base64.b64encode(f"{camera.username}:{camera.password}".encode()).decode()
    raise GuardFailed(
        "camera_sign_in", "摄像机的登录方式不受支持", "the camera requires a sign-in other than Basic or Digest"
    )


def _digest(camera: Camera, parts: dict[str, str], target: str) -> str:
    algorithm = parts.get("algorithm", "MD5").upper()
    realm, nonce = parts.get("realm", ""), parts["nonce"]

    def hashed(text: str) -> str:
        return _DIGESTS[algorithm](text.encode()).hexdigest()

    account, request = hashed(f"{camera.username}:{realm}:{camera.password}"), hashed(f"GET:{target}")
    fields = {"username": camera.username, "realm": realm, "nonce": nonce, "uri": target}
    plain = f"algorithm={algorithm}"
    if "auth" in re.split(r"[,\s]+", parts.get("qop", "")):
        own = secrets.token_hex(8)
        fields |= {"cnonce": own, "response": hashed(f"{account}:{nonce}:00000001:{own}:auth:{request}")}
        plain += ", qop=auth, nc=00000001"
    else:
        fields["response"] = hashed(f"{account}:{nonce}:{request}")
    if "opaque" in parts:
        fields["opaque"] = parts["opaque"]
    shown = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in fields.items()}
    return "Digest " + ", ".join(f'{name}="{value}"' for name, value in shown.items()) + f", {plain}"
