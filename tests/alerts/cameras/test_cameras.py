"""Stills from a real HTTP server: sign-in, bounds, redirects, audit; errors of the camera file."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from alerts import Actor, Forbidden, GuardFailed, Invalid, NotFound, Page, RegistryError
from alerts.cameras import snapshot
from alerts.cameras.camera_file import Camera, load_cameras

ACCOUNT, PASSWORD = "viewer", 'quo"te'
WATCHER = Actor("wang", frozenset(("operator",)), frozenset(("school-1",)))
OFFICER = Actor("boss", frozenset(("officer", "admin")))


def _jpeg() -> bytes:
    output, picture = io.BytesIO(), Image.new("RGB", (64, 48), "red")
    exif = Image.Exif()
    exif[0x010E] = "private words"
    picture.save(output, "JPEG", exif=exif)
    return output.getvalue()


JPEG = _jpeg()


class Server(BaseHTTPRequestHandler):
    """A camera with one path for each behaviour."""

    asked: list[tuple[str, str]]

    def do_GET(self) -> None:
        """Respond as the path says."""
        given, path = self.headers.get("authorization", ""), self.path.partition("?")[0]
        self.asked.append((self.path, given))
        if path == "/redirect":
            return self._send(302, b"", {"Location": "http://127.0.0.1:1/other.jpg"})
        if path == "/basic" and given != "Basic " + base64.b64encode(f"{ACCOUNT}:{PASSWORD}".encode()).decode():
            return self._send(401, b"", {"WWW-Authenticate": 'Basic realm="camera"'})
        if path.startswith("/digest") and not self._digest_is_right(given, path.rpartition("-")[2]):
            return self._send(401, b"", {"WWW-Authenticate": self._challenge(path.rpartition("-")[2])})
        if path == "/slow":
            self.server.released.wait(5)  # type: ignore[attr-defined]
            return None
        contents = {"/text": b"<html>", "/cut": JPEG[: len(JPEG) // 2], "/huge": JPEG + bytes(snapshot.BYTES_MAX)}
        return self._send(500 if path == "/broken" else 200, contents.get(path, JPEG))

    @staticmethod
    def _challenge(algorithm: str) -> str:
        return f'Digest realm="cam", nonce="abc", qop="auth,auth-int", opaque="xyz", algorithm={algorithm}'.replace(
            "SHA", "SHA-256"
        )

    def _digest_is_right(self, given: str, algorithm: str) -> bool:
        parts = {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,"]+))', given)}
        if not given.startswith("Digest ") or parts["nonce"] != "abc" or parts["opaque"] != "xyz":
            return False
        make = hashlib.sha256 if algorithm == "SHA" else hashlib.md5

        def hashed(text: str) -> str:
            return make(text.encode()).hexdigest()

        account, request = hashed(f"{ACCOUNT}:cam:{PASSWORD}"), hashed(f"GET:{self.path}")
        return parts["response"] == hashed(f"{account}:abc:{parts['nc']}:{parts['cnonce']}:{parts['qop']}:{request}")

    def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Write no log."""


@pytest.fixture(scope="module")
def camera_url() -> Iterator[str]:
    """Return the address of a running camera."""
    Server.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.released = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.released.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


def _camera(url: str, path: str, **more: str) -> Camera:
    return Camera(site="school-1", id="stairs", place="d-101", url=url + path, **more)


def _audited(world: Any) -> list[Any]:
    entries = world.dispatch.queries.audit(OFFICER, page=Page(50))
    return [one for one in entries if one.kind == "camera.still"]


@pytest.mark.parametrize("path", ["/api/stairs/latest.jpg?h=720", "/basic", "/digest-MD5?a=1", "/digest-SHA"])
def test_a_still_is_drawn_anew_and_audited(world: Any, camera_url: str, path: str) -> None:
    """Plain, Basic and Digest; the picture has no metadata; the audit has actor, camera, reason, no credential."""
    world.dispatch.cameras.use([_camera(camera_url, path, username=ACCOUNT, password=PASSWORD)])
    content = world.dispatch.cameras.still(WATCHER, "school-1", "stairs", reason=" smoke? ", hazard="h1")
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.size, dict(image.getexif())) == ("JPEG", (64, 48), {})
    [entry] = _audited(world)
    assert (entry.actor, entry.site, entry.subject) == ("wang", "school-1", "stairs")
    assert entry.facts == {"place": "d-101", "reason": "smoke?", "hazard": "h1", "result": "shown"}
    assert PASSWORD not in repr(world.dispatch.cameras.of_site(WATCHER, "school-1"))


def test_a_camera_that_gives_no_picture_is_named_and_audited(
    world: Any, camera_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redirects are not followed, sizes and times are bounded; each failure has its words and its entry."""
    expected = {
        "/redirect": "camera_redirect",
        "/basic": "camera_refused",
        "/text": "camera_no_jpeg",
        "/cut": "camera_no_jpeg",
        "/huge": "camera_too_large",
        "/broken": "camera_status",
        "/slow": "camera_no_answer",
    }
    for path, guard in expected.items():
        monkeypatch.setattr(snapshot, "TIMEOUT_S", 0.4 if path == "/slow" else 20.0)
        world.dispatch.cameras.use([_camera(camera_url, path)])
        with pytest.raises(GuardFailed) as failed:
            world.dispatch.cameras.still(WATCHER, "school-1", "stairs", reason="smoke?")
        assert (failed.value.guard, bool(failed.value.zh), bool(failed.value.en)) == (guard, True, True), path
    world.dispatch.cameras.use([_camera("http://169.254.169.254", "/latest/meta-data")])  # metadata of a cloud
    with pytest.raises(GuardFailed, match="does not respond"):
        world.dispatch.cameras.still(WATCHER, "school-1", "stairs", reason="smoke?")
    assert [one.facts["result"] for one in reversed(_audited(world))] == [*expected.values(), "camera_no_answer"]


def test_only_roles_and_sites_that_may(world: Any, camera_url: str) -> None:
    """A refused request reaches no camera: wrong role, foreign site, unknown camera, no reason."""
    cameras = world.dispatch.cameras
    cameras.use([_camera(camera_url, "/asked-never"), Camera(site="school-2", id="gate", url=camera_url)])
    for role in ("viewer", "fixer", "district", "city"):
        with pytest.raises(Forbidden):
            cameras.still(Actor("x", frozenset((role,))), "school-1", "stairs", reason="smoke?")
    for site, name in (("school-2", "gate"), ("school-1", "none")):
        with pytest.raises(NotFound):
            cameras.still(WATCHER, site, name, reason="smoke?")
    with pytest.raises(Invalid, match="reason"):
        cameras.still(WATCHER, "school-1", "stairs", reason=" ")
    with pytest.raises(NotFound):
        cameras.of_site(WATCHER, "school-2")
    assert not [path for path, _ in Server.asked if path == "/asked-never"]
    assert not _audited(world)


def test_the_camera_file_names_all_errors_without_secrets(tmp_path: Path) -> None:
    """A file that others may read is refused; a good file is read."""
    path = tmp_path / "cameras.toml"
    rows = [
        'site = "a"\nid = "one"\nurl = "https://user:hidden@camera/"',
        'site = "a"\nid = "one"\nurl = "ftp://hidden/"\nusername = "u"',
        'site = "a"\nid = "two"\nurl = 7\npassword = 8',
    ]
    path.write_text("\n".join(f"[[camera]]\n{row}\n" for row in rows), encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(RegistryError) as failed:
        load_cameras(path)
    assert len(failed.value.errors) >= 5
    assert "hidden" not in str(failed.value)
    good = '[[camera]]\nsite = "a"\nid = "one"\nurl = "http://10.0.0.9/api/one/latest.jpg"\n'
    path.write_text(good, encoding="utf-8")
    assert [one.id for one in load_cameras(path)] == ["one"]
    path.chmod(0o644)
    with pytest.raises(RegistryError, match="0600"):
        load_cameras(path)
    assert load_cameras(None) == ()
