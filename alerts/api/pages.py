"""HTML pages: the console, and the OpenAPI document as a page without external resources."""

from __future__ import annotations

from html import escape
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from .problem import problem

CONSOLE = Path(__file__).resolve().parents[1] / "console" / "dist"
router = APIRouter(include_in_schema=False)


@router.get("/docs")
def docs(request: Request) -> HTMLResponse:
    """Return the OpenAPI document as one readable page."""
    app: FastAPI = request.app
    document = app.openapi()
    parts = [
        _operation(path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    style = '<link rel="stylesheet" href="docs.css">'
    intro = f'<h1>{title}</h1><p>OpenAPI 3.1: <a href="openapi.json">openapi.json</a></p>'
    return HTMLResponse(head + style + intro + "".join(parts))


@router.get("/docs.css")
def docs_style() -> Response:
    """Return the style of the OpenAPI page; the content policy allows no inline style."""
    text = "body{font:15px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    return Response(text, media_type="text/css")


@router.get("/{path:path}", response_model=None)
def console(request: Request, path: str) -> Response:
    """Return a file of the console; any other path returns its index page, except of the API and of built files."""
    if path.startswith("api/"):
        return problem(404, f"no route /{path}", zh="没有此接口")
    index, wanted = CONSOLE / "index.html", _file(path)
    if wanted is not None:
        cached = {"Cache-Control": "public, max-age=31536000, immutable"} if path.startswith("assets/") else {}
        return _compressed(request, wanted, cached) or FileResponse(wanted, headers=cached)
    if path.startswith("assets/"):  # of another version: a page instead of a script would be an unclear error
        return problem(404, f"no file /{path}", zh="没有此文件")
    if not index.is_file():
        return problem(404, "the console is not built", zh="控制台尚未构建")
    return FileResponse(index, headers={"Cache-Control": "no-cache"})


def _compressed(request: Request, wanted: Path, headers: dict[str, str]) -> FileResponse | None:
    """Return the file as the build compressed it, None without one or for a browser that does not accept it."""
    packed = wanted.with_name(f"{wanted.name}.br")
    accepted = {part.partition(";")[0].strip() for part in request.headers.get("accept-encoding", "").split(",")}
    if "br" not in accepted or not packed.is_file():
        return None
    headers = headers | {"Content-Encoding": "br", "Vary": "Accept-Encoding"}
    return FileResponse(packed, headers=headers, media_type=guess_type(wanted.name)[0])


def _file(path: str) -> Path | None:
    """Return the console's file at that path, None without one or outside the console's folder."""
    try:
        wanted = (CONSOLE / path).resolve()
        found = bool(path) and wanted.is_relative_to(CONSOLE) and wanted.is_file()
    except (OSError, ValueError):  # a name too long, or with a NUL
        return None
    return wanted if found else None


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<li><code>{escape(given['name'])}</code> ({escape(given['in'])}) {escape(given.get('description', ''))}</li>"
        for given in operation.get("parameters", [])
    )
    summary, description = escape(operation["summary"]), escape(operation["description"])
    text = f"<p><strong>{summary}</strong></p>" + (f"<p>{description}</p>" if description != summary else "")
    return f"<h2><code>{method.upper()} {escape(path)}</code></h2>{text}<ul>{rows}</ul>"
