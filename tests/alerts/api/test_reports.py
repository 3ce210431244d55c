"""Public report form and photos over HTTP: no account, bounds of their own, digests."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import httpx
from PIL import Image

from alerts.dangers.photos import BYTES_MAX
from alerts.dangers.report_limits import REPORTS_FROM_ADDRESS


def picture() -> bytes:
    """Return a photo above the bound of other bodies."""
    output = io.BytesIO()
    Image.effect_noise((300, 300), 90).save(output, "PNG")
    return output.getvalue()


def test_anyone_reports_a_danger_and_follows_the_repair(office: Any) -> None:
    """Form, photo, receipt; a changed code and a foreign receipt do not exist; a place has a limit an hour."""
    officer, public = office.sign_in("officer"), office.client()
    codes = {one["place"]: one for one in officer.get("place-codes", params={"site": "school-1"}).json()["items"]}
    code = codes["d-101"]["code"]
    image = officer.get("place-codes/school-1/d-101/image")
    assert (image.headers["content-type"], image.content[:4]) == ("image/svg+xml", b"<svg")
    form = public.get(f"report-places/{code}").json()
    assert (form["place_name"]["en"], "exit_blocked" in {kind["kind"] for kind in form["kinds"]}) == ("Room 101", True)
    changed = code[:-1] + ("A" if code[-1] != "A" else "B")
    for wrong in (changed, code[::-1], "x", "%F0%9F%9A%AA"):
        assert public.get(f"report-places/{wrong}").status_code == 404
    given = {"kind": "exit_blocked", "text": "door locked, call 13800138000"}
    receipt = public.post(f"report-places/{code}/reports", json=given).json()["receipt"]
    photo = picture()
    assert len(photo) > office.app.state.parts.settings.body_bytes_max
    assert public.put(f"reports/{receipt}/photo", content=photo).status_code == 204
    state = public.get(f"reports/{receipt.lower()}").json()
    assert (state["state"], state["repaired"], state["place_name"]["en"]) == ("found", False, "Room 101")
    assert public.get("reports/AAAA").status_code == public.put("reports/AAAA/photo", content=photo).status_code == 404
    (ticket,) = officer.get("tickets", params={"source": "report", "needs_me": True}).json()["items"]
    detail = officer.get(f"tickets/{ticket['id']}").json()
    assert detail["danger"]["text"]["zh"] == "door locked, call ***"
    content = officer.get(f"photos/{detail['photos'][0]['id']}")
    assert (content.headers["content-type"], content.content[:2]) == ("image/jpeg", b"\xff\xd8")
    answers = [public.post(f"report-places/{code}/reports", json=given) for _ in range(REPORTS_FROM_ADDRESS)]
    assert [one.status_code for one in answers] == [201] * (REPORTS_FROM_ADDRESS - 1) + [429]
    assert answers[-1].json()["text"].keys() == {"zh", "en"}


def test_a_photo_of_a_ticket_has_bound_type_and_digest(office: Any) -> None:
    """413 above 10 MB, 422 for another digest or type, 404 for another school; a list of others stays below 1 MiB."""
    officer, fixer = office.sign_in("officer"), office.sign_in("fixer")
    found = {"site": "school-1", "place": "d-101", "kind": "exit_blocked", "source": "patrol", "text": "barred"}
    ticket = officer.post("dangers", json=found).json()
    photo, when = picture(), {"stage": "fixed", "taken_at": "2026-09-21T00:00:00Z"}
    digest = {"X-Photo-SHA256": hashlib.sha256(photo).hexdigest()}

    def send(client: httpx.Client, content: bytes, headers: dict[str, str]) -> httpx.Response:
        path = f"dangers/{ticket['danger']['id']}/photos"
        return client.post(path, content=content, params=when, headers=headers)

    assert send(fixer, photo, digest).status_code == 201
    assert [one["path"] for one in send(fixer, photo + b"x", digest).json()["errors"]] == ["sha256"]
    assert [one["path"] for one in send(fixer, photo, {}).json()["errors"]] == ["X-Photo-SHA256"]
    other = hashlib.sha256(b"GIF89a").hexdigest()
    assert [one["path"] for one in send(fixer, b"GIF89a", {"X-Photo-SHA256": other}).json()["errors"]] == ["photo"]
    assert send(office.sign_in("other"), photo, digest).status_code == 404
    assert send(office.sign_in("viewer"), photo, digest).status_code == 403
    assert send(fixer, bytes(BYTES_MAX + 1), digest).status_code == 413
    assert officer.post("dangers", content=photo).status_code == 413
